"""Answers of a third party: what a provider refused, or did not say."""

from typing import ClassVar

from hardpoint.core.errors.root import HardpointError


class ProviderError(HardpointError):
    """The provider answered with an error, or did not answer.

    Attributes:
        provider: its name, `stripe`.
        operation: what was asked of it, `create_payment`.
        status: the HTTP status, where there was one.
        vendor_code: the provider's own error code.
        request_id: the request's id at the provider; its support asks for it.
        retry_after: seconds it asked us to wait.
    """

    code: ClassVar[str] = "provider"
    """A stable name for the class of failure."""

    def __init__(
        self,
        message: str | None = None,
        *,
        provider: str = "",
        operation: str = "",
        status: int | None = None,
        vendor_code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
        outcome_known: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.operation = operation
        self.status = status
        self.vendor_code = vendor_code
        self.request_id = request_id
        self.retry_after = retry_after
        if retryable is not None:
            self.retryable = retryable
        if outcome_known is not None:
            self.outcome_known = outcome_known


class InvalidRequestError(ProviderError):
    """The request is invalid; correct it, a repeat would fail in the same way.

    Without a `status` hardpoint refused it, and nothing was sent.

    Attributes:
        field: the argument that is wrong, `amount`, if that is known.
    """

    code = "invalid_request"

    def __init__(
        self, message: str | None = None, *, field: str | None = None, **facts: object
    ) -> None:
        super().__init__(f"{field}: {message}" if field and message else message, **facts)  # pyright: ignore[reportArgumentType]
        self.field = field


class AuthenticationError(ProviderError):
    """The provider did not accept the credentials; check the key and its mode (test or live)."""

    code = "authentication"


class PermissionDeniedError(ProviderError):
    """The credentials may not do this; grant the scope and try again."""

    code = "permission_denied"


class NotFoundError(ProviderError):
    """The provider has no such object; check the id and the account."""

    code = "not_found"


class AlreadyExistsError(ProviderError):
    """The object exists already; read it, or choose another key."""

    code = "already_exists"


class PreconditionFailedError(ProviderError):
    """The object has changed since it was read; read it again, then decide."""

    code = "precondition_failed"


class ConflictError(ProviderError):
    """The object's state does not allow this; read it, then decide."""

    code = "conflict"


class IdempotencyConflictError(ProviderError):
    """This idempotency key was used with other arguments; use a new key for a new intent."""

    code = "idempotency_conflict"


class DeclinedError(ProviderError):
    """The payment was declined: an answer, not an outage; it is never retried automatically.

    Attributes:
        reason: why, in the port's words (`insufficient_funds`).
        soft: True when the same card or account may be accepted later.
    """

    code = "declined"

    def __init__(
        self, message: str | None = None, *, reason: str, soft: bool = False, **facts: object
    ) -> None:
        super().__init__(message, **facts)  # pyright: ignore[reportArgumentType]
        self.reason = reason
        self.soft = soft


class RateLimitedError(ProviderError):
    """The provider asked us to slow down; wait `retry_after` seconds."""

    code = "rate_limited"
    retryable = True


class UnavailableError(ProviderError):
    """The provider is unavailable and did nothing; try again later."""

    code = "unavailable"
    retryable = True


class OutcomeUnknownError(ProviderError):
    """The provider may or may not have acted; ask it before you repeat the call.

    Attributes:
        idempotency_key: the call's key; a repeat under it is harmless if the provider honours keys.
        repeatable: True when you can safely make the same call again: it carries the same key, and
            the provider honours it, or the provider is first asked what became of the call.
        key_seconds: how long the provider remembers the key, if that makes it repeatable.
    """

    code = "outcome_unknown"
    outcome_known = False

    def __init__(
        self,
        message: str | None = None,
        *,
        idempotency_key: str | None = None,
        repeatable: bool = False,
        key_seconds: float | None = None,
        **facts: object,
    ) -> None:
        super().__init__(message, **facts)  # pyright: ignore[reportArgumentType]
        self.idempotency_key = idempotency_key
        self.repeatable = repeatable
        self.key_seconds = key_seconds


class FunctionFailedError(ProviderError):
    """The remote function ran and failed; its own log says why."""

    code = "function_failed"


class UnexpectedResponseError(ProviderError):
    """The provider gave an answer that we do not know; it is never treated as a success."""

    code = "unexpected_response"
