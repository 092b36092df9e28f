"""Every error hardpoint raises, in one tree.

Policies read attributes (`retryable`, `outcome_known`, `retry_after`), never text. A class's first
docstring line is its default message.

    HardpointError
      ConfigurationError
      UnsupportedError
      MisuseError (also RuntimeError)
      ProviderError
        InvalidRequestError  AuthenticationError  PermissionDeniedError  NotFoundError
        AlreadyExistsError  PreconditionFailedError  ConflictError  IdempotencyConflictError
        DeclinedError  RateLimitedError  UnavailableError  OutcomeUnknownError
        FunctionFailedError  UnexpectedResponseError
      RejectedError
        CircuitOpenError  LimitExceededError  BulkheadFullError  BudgetExhaustedError
        DeadlineTooShortError
      TimedOutError (also TimeoutError)
        AttemptTimeoutError  DeadlineExceededError
      WebhookError
        MissingSignatureError  SignatureMismatchError  StaleTimestampError  MalformedRequestError
      OAuthError
        FlowError  InvalidTokenError  TokenEndpointError  ClientRefusedError
        ReauthorizationRequiredError  TokenRefreshError
      StoreError
        StoreUnavailableError  StoreCorruptError  LeaseLostError  TransactionLostError
        StoreMisuseError (also MisuseError)
"""

from typing import TYPE_CHECKING, ClassVar, Literal


class HardpointError(Exception):
    """An error of hardpoint, or of a service it called."""

    retryable: bool = False
    """True when the same call, unchanged, may succeed later."""
    outcome_known: bool = True
    """False when the other side may have acted, although we have no answer that says so."""
    retry_after: float | None = None
    """Seconds the other side asked us to wait."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or _first_line(type(self)))

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes as it is: `__init__` takes other arguments than `args`."""
        slots = [slot for cls in type(self).__mro__ for slot in getattr(cls, "__slots__", ())]
        facts = vars(self) | {slot: getattr(self, slot) for slot in slots}
        return _rebuilt, (type(self), self.args, facts)


def _rebuilt(
    cls: type[HardpointError], args: tuple[object, ...], facts: dict[str, object]
) -> HardpointError:
    error = cls.__new__(cls)
    error.args = args
    for name, fact in facts.items():
        setattr(error, name, fact)
    return error


def _first_line(cls: type) -> str:
    return (cls.__doc__ or cls.__name__).partition("\n")[0]


# Set-up


class ConfigurationError(HardpointError):
    """The set-up is wrong.

    Attributes:
        key: the path of the offending setting, `webhooks.billing.secrets[0]`.
        problem: what is wrong with it.
        fix: what to write instead, or the next command.
    """

    def __init__(self, key: str, problem: str, *, fix: str | None = None) -> None:
        self.key = key
        self.problem = problem
        self.fix = fix
        super().__init__(f"{key}: {problem}" + (f". {fix}" if fix else ""))


class UnsupportedError(HardpointError):
    """This provider cannot do that; nothing was sent."""


class MisuseError(HardpointError, RuntimeError):
    """hardpoint was used in a way that cannot work; the message says what to do instead."""


# Answers of a third party


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


# Our own policies


class RejectedError(HardpointError):
    """A policy of yours refused the call; nothing was sent.

    `args` hold the raw facts; everything else is computed from them when it is read. So a refusal
    costs less than a call.

    Attributes:
        policy: the name of the policy that refused.
        key: the key of the state that refused (a host, a tenant), if the policy keeps several.
        retry_after: seconds after which a new try makes sense, if that is known.
        detail: more facts, in a few words.
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            policy: str = "",
            key: object = None,
            retry_after: float | None = None,
            detail: str = "",
            /,
        ) -> None: ...
    else:
        __init__ = Exception.__init__

    @property
    def policy(self) -> str:
        """The name of the policy that refused."""
        return self.args[0] if self.args else ""

    @property
    def key(self) -> object:
        """The key of the state that refused."""
        return self.args[1] if len(self.args) > 1 else None

    @property
    def retry_after(self) -> float | None:  # pyright: ignore[reportIncompatibleVariableOverride] - nobody sets it
        """Seconds after which a new try makes sense."""
        return self.args[2] if len(self.args) > 2 else None

    @property
    def detail(self) -> str:
        """More facts, in a few words."""
        return self.args[3] if len(self.args) > 3 else ""

    def __str__(self) -> str:
        return _where(self.policy, self.key) + "; ".join(
            part
            for part in (
                _first_line(type(self)).rstrip("."),
                self.detail,
                "" if self.retry_after is None else f"try again in {self.retry_after:.3g} s",
            )
            if part
        )


class CircuitOpenError(RejectedError):
    """The circuit is open; nothing was sent."""


class LimitExceededError(RejectedError):
    """The rate limit is used up; nothing was sent."""


class BulkheadFullError(RejectedError):
    """Too many calls are under way; nothing was sent."""


class BudgetExhaustedError(RejectedError):
    """The retry budget is used up; nothing was sent."""


class DeadlineTooShortError(RejectedError):
    """The time left until the deadline is too short for an attempt; nothing was sent."""


class TimedOutError(HardpointError, TimeoutError):
    """It took too long.

    Attributes:
        policy: the name of the policy that set the limit.
        key: the key of its state, if it keeps several.
        seconds: how long it was allowed to take.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        policy: str = "",
        key: object = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.policy = policy
        self.key = key
        self.seconds = seconds

    def __str__(self) -> str:
        allowed = "" if self.seconds is None else f" It had {self.seconds:.3g} s."
        return f"{_where(self.policy, self.key)}{super().__str__()}{allowed}"


class AttemptTimeoutError(TimedOutError):
    """One attempt took longer than its timeout; whether it took effect is not known."""

    outcome_known = False


class DeadlineExceededError(TimedOutError):
    """The whole call took longer than its deadline; whether it took effect is not known."""

    outcome_known = False


def _where(policy: str, key: object) -> str:
    if not policy:
        return ""
    return f"{policy}: " if key is None else f"{policy}[{key}]: "


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


# The store


class StoreError(HardpointError):
    """The store failed."""


class StoreUnavailableError(StoreError):
    """The store cannot be used now; nothing was acknowledged, try again soon."""

    retryable = True

    def __init__(self, message: str | None = None, *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreCorruptError(StoreError):
    """The store's file is damaged, or is not hardpoint's; restore a backup or name another file."""


class LeaseLostError(StoreError):
    """Another attempt has taken over this job; everything in the block was rolled back."""


class StoreMisuseError(StoreError, MisuseError):
    """The store was used in a way that cannot work; the message says what to do instead."""


class TransactionLostError(StoreError):
    """A write function ended its transaction: use neither OR ROLLBACK nor RAISE(ROLLBACK)."""
