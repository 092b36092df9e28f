"""Who may call our endpoints: API keys of our own, made, kept, checked and taken back."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.api_keys.api import ApiKeys as ApiKeys
    from hardpoint.api_keys.reading import CallerRequest as CallerRequest
    from hardpoint.api_keys.signatures import SigningCaller as SigningCaller
    from hardpoint.api_keys.tokens import TokenIssuer as TokenIssuer
    from hardpoint.api_keys.types import ApiKey as ApiKey
    from hardpoint.api_keys.types import ApiKeyChanged as ApiKeyChanged
    from hardpoint.api_keys.types import CallerRefused as CallerRefused
    from hardpoint.api_keys.types import KeyUseUnwritten as KeyUseUnwritten
    from hardpoint.api_keys.types import NewApiKey as NewApiKey
    from hardpoint.api_keys.types import Principal as Principal
    from hardpoint.core.errors import CallerError as CallerError
    from hardpoint.core.errors import InsufficientScopeError as InsufficientScopeError
    from hardpoint.core.errors import UnauthenticatedError as UnauthenticatedError
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.api_keys.api": ("ApiKeys",),
            "hardpoint.api_keys.reading": ("CallerRequest",),
            "hardpoint.api_keys.signatures": ("SigningCaller",),
            "hardpoint.api_keys.tokens": ("TokenIssuer",),
            "hardpoint.api_keys.types": (
                "ApiKey",
                "ApiKeyChanged",
                "CallerRefused",
                "KeyUseUnwritten",
                "NewApiKey",
                "Principal",
            ),
            "hardpoint.core.errors": (
                "CallerError",
                "InsufficientScopeError",
                "UnauthenticatedError",
            ),
        },
    )
