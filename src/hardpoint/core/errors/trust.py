"""What cannot be trusted: a request that is no webhook, a sign-in, a token or a grant, a caller."""

from typing import ClassVar, Literal

from hardpoint.core.errors.root import HardpointError

# Webhooks


class WebhookError(HardpointError):
    """The request is not a webhook that can be trusted.

    Attributes:
        reason: a stable word for counters and logs, `signature_mismatch`.
    """

    reason: ClassVar[str] = "webhook"


class MissingSignatureError(WebhookError):
    """The request carries no signature; check the header and the provider."""

    reason = "missing_signature"


class SignatureMismatchError(WebhookError):
    """None of the secrets made this signature; compare them with the provider's dashboard."""

    reason = "signature_mismatch"


class StaleTimestampError(WebhookError):
    """The signed time is too far from now: this machine's clock is wrong, or it is a replay."""

    reason = "stale_timestamp"


class MalformedRequestError(WebhookError):
    """The request is not formed as the provider's signature scheme demands."""

    reason = "malformed_request"


# Identity


class OAuthError(HardpointError):
    """The authorization did not succeed."""


class FlowError(OAuthError):
    """The sign-in was refused; start it again.

    Attributes:
        reason: a stable word for counters and logs, `unknown_state`.
    """

    def __init__(self, message: str | None = None, *, reason: str = "flow") -> None:
        super().__init__(message)
        self.reason = reason


class InvalidTokenError(OAuthError):
    """The token cannot be trusted; nothing in it was used.

    Attributes:
        reason: a stable word for counters and logs, `expired`.
    """

    def __init__(self, message: str | None = None, *, reason: str = "token") -> None:
        super().__init__(message)
        self.reason = reason


RefusalConcern = Literal["grant", "client", "interaction", "transient"]
"""What a refusal means: the grant is gone, the client is misconfigured, a person has to act at the
provider, or it is transient and may pass."""


class TokenEndpointError(OAuthError):
    """The authorization server gave no token.

    Attributes:
        verdict: what its answer means; `transient` for no answer, and for any that is none.
        status: the HTTP status, where there was one.
        vendor_code: its own word, where that is a plain one.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        verdict: RefusalConcern = "transient",
        status: int | None = None,
        vendor_code: str | None = None,
        retry_after: float | None = None,
        outcome_known: bool = True,
    ) -> None:
        super().__init__(message)
        self.verdict: RefusalConcern = verdict
        self.status = status
        self.vendor_code = vendor_code
        self.retry_after = retry_after
        self.outcome_known = outcome_known
        self.retryable = verdict == "transient"


class ClientRefusedError(OAuthError):
    """The provider does not accept your client; renew its secret. Users need to do nothing.

    Attributes:
        client: the registration, `[oauth.<client>]`.
        reason: the provider's word, mostly `invalid_client`.
    """

    def __init__(
        self, message: str | None = None, *, client: str = "", reason: str = "invalid_client"
    ) -> None:
        told = f"the provider refuses the client of [oauth.{client}] ({reason}): renew its secret"
        super().__init__(message or (told if client else None))
        self.client = client
        self.reason = reason


class ReauthorizationRequiredError(OAuthError):
    """The grant is gone; ask the user to connect the account again.

    Attributes:
        connection: its name.
        reason: a stable word, `revoked` or `lost_answer`.
    """

    def __init__(
        self, message: str | None = None, *, connection: str = "", reason: str = "revoked"
    ) -> None:
        super().__init__(message)
        self.connection = connection
        self.reason = reason


class TokenRefreshError(OAuthError):
    """The token could not be refreshed now; the grant may still be good."""

    retryable = True

    def __init__(
        self, message: str | None = None, *, connection: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.connection = connection
        self.retry_after = retry_after


# Callers of our own endpoints


class CallerError(HardpointError):
    """Whoever calls is not let in.

    Attributes:
        status: the HTTP status for it.
        word: what its answer says.
    """

    status: ClassVar[int] = 403
    word: ClassVar[str] = "forbidden"


class UnauthenticatedError(CallerError):
    """No valid credentials; send a current API key, token or signature.

    It says no more, whatever was wrong: whoever tries keys learns nothing.

    Attributes:
        reason: a stable word for counters and logs, `expired`; not for the caller.
    """

    status = 401
    word = "unauthorized"

    def __init__(self, message: str | None = None, *, reason: str = "unknown") -> None:
        super().__init__(message)
        self.reason = reason


class InsufficientScopeError(CallerError):
    """The caller is known, and may not do this; give its key the scope.

    Attributes:
        scopes: those that it would have to have.
    """

    word = "insufficient_scope"

    def __init__(self, message: str | None = None, *, scopes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.scopes = scopes
