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
      CallerError
        UnauthenticatedError  InsufficientScopeError
      StoreError
        StoreUnavailableError  StoreCorruptError  LeaseLostError  TransactionLostError
        StoreMisuseError (also MisuseError)
"""

from hardpoint.core.errors.answers import (
    AlreadyExistsError,
    AuthenticationError,
    ConflictError,
    DeclinedError,
    FunctionFailedError,
    IdempotencyConflictError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.errors.policies import (
    AttemptTimeoutError,
    BudgetExhaustedError,
    BulkheadFullError,
    CircuitOpenError,
    DeadlineExceededError,
    DeadlineTooShortError,
    LimitExceededError,
    RejectedError,
    TimedOutError,
)
from hardpoint.core.errors.root import (
    ConfigurationError,
    HardpointError,
    LeaseLostError,
    MisuseError,
    StoreCorruptError,
    StoreError,
    StoreMisuseError,
    StoreUnavailableError,
    TransactionLostError,
    UnsupportedError,
)
from hardpoint.core.errors.trust import (
    CallerError,
    ClientRefusedError,
    FlowError,
    InsufficientScopeError,
    InvalidTokenError,
    MalformedRequestError,
    MissingSignatureError,
    OAuthError,
    ReauthorizationRequiredError,
    RefusalConcern,
    SignatureMismatchError,
    StaleTimestampError,
    TokenEndpointError,
    TokenRefreshError,
    UnauthenticatedError,
    WebhookError,
)

__all__ = [
    "AlreadyExistsError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BudgetExhaustedError",
    "BulkheadFullError",
    "CallerError",
    "CircuitOpenError",
    "ClientRefusedError",
    "ConfigurationError",
    "ConflictError",
    "DeadlineExceededError",
    "DeadlineTooShortError",
    "DeclinedError",
    "FlowError",
    "FunctionFailedError",
    "HardpointError",
    "IdempotencyConflictError",
    "InsufficientScopeError",
    "InvalidRequestError",
    "InvalidTokenError",
    "LeaseLostError",
    "LimitExceededError",
    "MalformedRequestError",
    "MissingSignatureError",
    "MisuseError",
    "NotFoundError",
    "OAuthError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "ProviderError",
    "RateLimitedError",
    "ReauthorizationRequiredError",
    "RefusalConcern",
    "RejectedError",
    "SignatureMismatchError",
    "StaleTimestampError",
    "StoreCorruptError",
    "StoreError",
    "StoreMisuseError",
    "StoreUnavailableError",
    "TimedOutError",
    "TokenEndpointError",
    "TokenRefreshError",
    "TransactionLostError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnexpectedResponseError",
    "UnsupportedError",
    "WebhookError",
]
