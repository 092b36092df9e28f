"""Every call you make to a third party, and every call it makes back, made safe.

The public names. Each is imported when it is first used, so that `import hardpoint` is cheap and
`from hardpoint import Policy` loads nothing of the inbox.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardpoint.core.errors import AlreadyExistsError as AlreadyExistsError
    from hardpoint.core.errors import AttemptTimeoutError as AttemptTimeoutError
    from hardpoint.core.errors import AuthenticationError as AuthenticationError
    from hardpoint.core.errors import BudgetExhaustedError as BudgetExhaustedError
    from hardpoint.core.errors import BulkheadFullError as BulkheadFullError
    from hardpoint.core.errors import CircuitOpenError as CircuitOpenError
    from hardpoint.core.errors import ClientRefusedError as ClientRefusedError
    from hardpoint.core.errors import ConfigurationError as ConfigurationError
    from hardpoint.core.errors import ConflictError as ConflictError
    from hardpoint.core.errors import DeadlineExceededError as DeadlineExceededError
    from hardpoint.core.errors import DeadlineTooShortError as DeadlineTooShortError
    from hardpoint.core.errors import DeclinedError as DeclinedError
    from hardpoint.core.errors import FlowError as FlowError
    from hardpoint.core.errors import FunctionFailedError as FunctionFailedError
    from hardpoint.core.errors import HardpointError as HardpointError
    from hardpoint.core.errors import IdempotencyConflictError as IdempotencyConflictError
    from hardpoint.core.errors import InvalidRequestError as InvalidRequestError
    from hardpoint.core.errors import InvalidTokenError as InvalidTokenError
    from hardpoint.core.errors import LeaseLostError as LeaseLostError
    from hardpoint.core.errors import LimitExceededError as LimitExceededError
    from hardpoint.core.errors import MalformedRequestError as MalformedRequestError
    from hardpoint.core.errors import MissingSignatureError as MissingSignatureError
    from hardpoint.core.errors import NotFoundError as NotFoundError
    from hardpoint.core.errors import OAuthError as OAuthError
    from hardpoint.core.errors import OutcomeUnknownError as OutcomeUnknownError
    from hardpoint.core.errors import PermissionDeniedError as PermissionDeniedError
    from hardpoint.core.errors import PreconditionFailedError as PreconditionFailedError
    from hardpoint.core.errors import ProviderError as ProviderError
    from hardpoint.core.errors import RateLimitedError as RateLimitedError
    from hardpoint.core.errors import ReauthorizationRequiredError as ReauthorizationRequiredError
    from hardpoint.core.errors import RejectedError as RejectedError
    from hardpoint.core.errors import SignatureMismatchError as SignatureMismatchError
    from hardpoint.core.errors import StaleTimestampError as StaleTimestampError
    from hardpoint.core.errors import StoreCorruptError as StoreCorruptError
    from hardpoint.core.errors import StoreError as StoreError
    from hardpoint.core.errors import StoreUnavailableError as StoreUnavailableError
    from hardpoint.core.errors import TimedOutError as TimedOutError
    from hardpoint.core.errors import TokenEndpointError as TokenEndpointError
    from hardpoint.core.errors import TokenRefreshError as TokenRefreshError
    from hardpoint.core.errors import TransactionLostError as TransactionLostError
    from hardpoint.core.errors import UnavailableError as UnavailableError
    from hardpoint.core.errors import UnexpectedResponseError as UnexpectedResponseError
    from hardpoint.core.errors import UnsupportedError as UnsupportedError
    from hardpoint.core.errors import WebhookError as WebhookError
    from hardpoint.core.money import Money as Money
    from hardpoint.core.secrets import Secret as Secret
    from hardpoint.hub.hub import Hub as Hub
    from hardpoint.hub.settings import Settings as Settings
    from hardpoint.resilience.breaker import Breaker as Breaker
    from hardpoint.resilience.budget import Budget as Budget
    from hardpoint.resilience.bulkhead import Bulkhead as Bulkhead
    from hardpoint.resilience.call import Degraded as Degraded
    from hardpoint.resilience.hedge import Hedge as Hedge
    from hardpoint.resilience.policy import Policy as Policy
    from hardpoint.resilience.ratelimit import RateLimit as RateLimit
    from hardpoint.resilience.retry import Retry as Retry
    from hardpoint.resilience.retry import constant as constant
    from hardpoint.resilience.retry import decorrelated as decorrelated
    from hardpoint.resilience.retry import exponential as exponential
    from hardpoint.resilience.retry import linear as linear
    from hardpoint.resilience.selection import refused as refused
    from hardpoint.resilience.selection import transient as transient
    from hardpoint.resilience.settings import PolicyWarning as PolicyWarning
    from hardpoint.resilience.state import Keyed as Keyed
    from hardpoint.resilience.timeout import remaining as remaining
    from hardpoint.store.driver import Event as Event
    from hardpoint.store.driver import Transaction as Transaction
    from hardpoint.webhooks.handlers import Permanent as Permanent
    from hardpoint.webhooks.handlers import RetryAfter as RetryAfter
    from hardpoint.webhooks.handlers import Schedule as Schedule
    from hardpoint.webhooks.handlers import Skip as Skip
    from hardpoint.webhooks.job import Job as Job

_HOMES = {
    "Money": "hardpoint.core.money",
    "Secret": "hardpoint.core.secrets",
    "Hub": "hardpoint.hub.hub",
    "Settings": "hardpoint.hub.settings",
    "Bulkhead": "hardpoint.resilience.bulkhead",
    "Breaker": "hardpoint.resilience.breaker",
    "Budget": "hardpoint.resilience.budget",
    "Degraded": "hardpoint.resilience.call",
    "Hedge": "hardpoint.resilience.hedge",
    "Keyed": "hardpoint.resilience.state",
    "Policy": "hardpoint.resilience.policy",
    "PolicyWarning": "hardpoint.resilience.settings",
    "RateLimit": "hardpoint.resilience.ratelimit",
    "Retry": "hardpoint.resilience.retry",
    "constant": "hardpoint.resilience.retry",
    "decorrelated": "hardpoint.resilience.retry",
    "exponential": "hardpoint.resilience.retry",
    "linear": "hardpoint.resilience.retry",
    "refused": "hardpoint.resilience.selection",
    "remaining": "hardpoint.resilience.timeout",
    "transient": "hardpoint.resilience.selection",
    "Event": "hardpoint.store.driver",
    "Transaction": "hardpoint.store.driver",
    "Permanent": "hardpoint.webhooks.handlers",
    "RetryAfter": "hardpoint.webhooks.handlers",
    "Schedule": "hardpoint.webhooks.handlers",
    "Skip": "hardpoint.webhooks.handlers",
    "Job": "hardpoint.webhooks.job",
}
_ERRORS = "hardpoint.core.errors"


def __getattr__(name: str) -> object:
    home = _HOMES.get(name, _ERRORS if name.endswith("Error") else None)
    if home is not None:
        found = getattr(import_module(home), name, None)
        if found is not None:
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    errors = [name for name in vars(import_module(_ERRORS)) if name.endswith("Error")]
    return sorted([*globals(), *_HOMES, *errors])
