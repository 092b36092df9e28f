"""Identity: providers' entries, the token endpoint, the vault that keeps and refreshes tokens."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.core.errors import ClientRefusedError as ClientRefusedError
    from hardpoint.core.errors import FlowError as FlowError
    from hardpoint.core.errors import InvalidTokenError as InvalidTokenError
    from hardpoint.core.errors import OAuthError as OAuthError
    from hardpoint.core.errors import ReauthorizationRequiredError as ReauthorizationRequiredError
    from hardpoint.core.errors import TokenEndpointError as TokenEndpointError
    from hardpoint.core.errors import TokenRefreshError as TokenRefreshError
    from hardpoint.oauth.catalogue import BodyEncoding as BodyEncoding
    from hardpoint.oauth.catalogue import Client as Client
    from hardpoint.oauth.catalogue import ClientAuth as ClientAuth
    from hardpoint.oauth.catalogue import Expiry as Expiry
    from hardpoint.oauth.catalogue import Pkce as Pkce
    from hardpoint.oauth.catalogue import ProviderEntry as ProviderEntry
    from hardpoint.oauth.catalogue import RefreshRotation as RefreshRotation
    from hardpoint.oauth.catalogue import Revocation as Revocation
    from hardpoint.oauth.cookies import Cookie as Cookie
    from hardpoint.oauth.device import DeviceCode as DeviceCode
    from hardpoint.oauth.flow import Begun as Begun
    from hardpoint.oauth.flow import Flow as Flow
    from hardpoint.oauth.flow import FlowDone as FlowDone
    from hardpoint.oauth.flow import FlowFinished as FlowFinished
    from hardpoint.oauth.flow import FlowKind as FlowKind
    from hardpoint.oauth.flow import FlowRefused as FlowRefused
    from hardpoint.oauth.flows import Flows as Flows
    from hardpoint.oauth.identity import Identity as Identity
    from hardpoint.oauth.jwks import Fetch as Fetch
    from hardpoint.oauth.jwks import KeyCache as KeyCache
    from hardpoint.oauth.jwks import PublicKey as PublicKey
    from hardpoint.oauth.jwt import Expected as Expected
    from hardpoint.oauth.jwt import Unverified as Unverified
    from hardpoint.oauth.jwt import unverified as unverified
    from hardpoint.oauth.jwt import verified as verified
    from hardpoint.oauth.keyring import Keyring as Keyring
    from hardpoint.oauth.keyring import new_key as new_key
    from hardpoint.oauth.logout import LogoutNotice as LogoutNotice
    from hardpoint.oauth.sealing import Rotated as Rotated
    from hardpoint.oauth.sessions import Session as Session
    from hardpoint.oauth.sessions import Sessions as Sessions
    from hardpoint.oauth.sessions import Started as Started
    from hardpoint.oauth.sessions import is_own_request as is_own_request
    from hardpoint.oauth.states import ClientAccepted as ClientAccepted
    from hardpoint.oauth.states import ClientRefused as ClientRefused
    from hardpoint.oauth.states import ConnectionChanged as ConnectionChanged
    from hardpoint.oauth.states import ConnectionState as ConnectionState
    from hardpoint.oauth.states import ConnectionStatus as ConnectionStatus
    from hardpoint.oauth.states import TokenRefreshed as TokenRefreshed
    from hardpoint.oauth.states import TokenSpooled as TokenSpooled
    from hardpoint.oauth.tokens import Tokens as Tokens
    from hardpoint.oauth.vault import Vault as Vault
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.core.errors": (
                "ClientRefusedError",
                "FlowError",
                "InvalidTokenError",
                "OAuthError",
                "ReauthorizationRequiredError",
                "TokenEndpointError",
                "TokenRefreshError",
            ),
            "hardpoint.oauth.catalogue": (
                "BodyEncoding",
                "Client",
                "ClientAuth",
                "Expiry",
                "Pkce",
                "ProviderEntry",
                "RefreshRotation",
                "Revocation",
            ),
            "hardpoint.oauth.cookies": ("Cookie",),
            "hardpoint.oauth.device": ("DeviceCode",),
            "hardpoint.oauth.flow": (
                "Begun",
                "Flow",
                "FlowDone",
                "FlowFinished",
                "FlowKind",
                "FlowRefused",
            ),
            "hardpoint.oauth.flows": ("Flows",),
            "hardpoint.oauth.identity": ("Identity",),
            "hardpoint.oauth.jwks": ("Fetch", "KeyCache", "PublicKey"),
            "hardpoint.oauth.jwt": ("Expected", "Unverified", "unverified", "verified"),
            "hardpoint.oauth.keyring": ("Keyring", "new_key"),
            "hardpoint.oauth.logout": ("LogoutNotice",),
            "hardpoint.oauth.sealing": ("Rotated",),
            "hardpoint.oauth.sessions": ("Session", "Sessions", "Started", "is_own_request"),
            "hardpoint.oauth.states": (
                "ClientAccepted",
                "ClientRefused",
                "ConnectionChanged",
                "ConnectionState",
                "ConnectionStatus",
                "TokenRefreshed",
                "TokenSpooled",
            ),
            "hardpoint.oauth.tokens": ("Tokens",),
            "hardpoint.oauth.vault": ("Vault",),
        },
    )
