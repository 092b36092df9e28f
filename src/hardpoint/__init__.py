"""Every call you make to a third party, and every call it makes back, made safe.

The public names. Each is imported when it is first used, so that `import hardpoint` is cheap and
`from hardpoint import Policy` loads nothing of the inbox.
"""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.calls.client_errors import reason_of as reason_of
    from hardpoint.calls.events import RetriesBeneath as RetriesBeneath
    from hardpoint.calls.failover import FailedOver as FailedOver
    from hardpoint.calls.guarded_connection import GuardedConnection as GuardedConnection
    from hardpoint.calls.guarded_connection import SdkSettings as SdkSettings
    from hardpoint.calls.once import Once as Once
    from hardpoint.core.errors import AlreadyExistsError as AlreadyExistsError
    from hardpoint.core.errors import AttemptTimeoutError as AttemptTimeoutError
    from hardpoint.core.errors import AuthenticationError as AuthenticationError
    from hardpoint.core.errors import BudgetExhaustedError as BudgetExhaustedError
    from hardpoint.core.errors import BulkheadFullError as BulkheadFullError
    from hardpoint.core.errors import CallerError as CallerError
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
    from hardpoint.core.errors import InsufficientScopeError as InsufficientScopeError
    from hardpoint.core.errors import InvalidRequestError as InvalidRequestError
    from hardpoint.core.errors import InvalidTokenError as InvalidTokenError
    from hardpoint.core.errors import LeaseLostError as LeaseLostError
    from hardpoint.core.errors import LimitExceededError as LimitExceededError
    from hardpoint.core.errors import MalformedRequestError as MalformedRequestError
    from hardpoint.core.errors import MissingSignatureError as MissingSignatureError
    from hardpoint.core.errors import MisuseError as MisuseError
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
    from hardpoint.core.errors import StoreMisuseError as StoreMisuseError
    from hardpoint.core.errors import StoreUnavailableError as StoreUnavailableError
    from hardpoint.core.errors import TimedOutError as TimedOutError
    from hardpoint.core.errors import TokenEndpointError as TokenEndpointError
    from hardpoint.core.errors import TokenRefreshError as TokenRefreshError
    from hardpoint.core.errors import TransactionLostError as TransactionLostError
    from hardpoint.core.errors import UnauthenticatedError as UnauthenticatedError
    from hardpoint.core.errors import UnavailableError as UnavailableError
    from hardpoint.core.errors import UnexpectedResponseError as UnexpectedResponseError
    from hardpoint.core.errors import UnsupportedError as UnsupportedError
    from hardpoint.core.errors import WebhookError as WebhookError
    from hardpoint.core.events import Listener as Listener
    from hardpoint.core.events import Listeners as Listeners
    from hardpoint.core.money import Money as Money
    from hardpoint.core.secrets import Secret as Secret
    from hardpoint.hub.accounts import Accounts as Accounts
    from hardpoint.hub.api_keys import ApiKeySettings as ApiKeySettings
    from hardpoint.hub.asgi import InboxApp as InboxApp
    from hardpoint.hub.connections import ConnectionPolicy as ConnectionPolicy
    from hardpoint.hub.connections import ConnectionSettings as ConnectionSettings
    from hardpoint.hub.events import ConfigurationLoaded as ConfigurationLoaded
    from hardpoint.hub.events import DoorFailed as DoorFailed
    from hardpoint.hub.events import HubFailed as HubFailed
    from hardpoint.hub.hub import Hub as Hub
    from hardpoint.hub.identity import IdentitySettings as IdentitySettings
    from hardpoint.hub.identity import IssuerUnavailable as IssuerUnavailable
    from hardpoint.hub.identity import VaultSettings as VaultSettings
    from hardpoint.hub.oauth import OAuthSettings as OAuthSettings
    from hardpoint.hub.operators import DashboardRole as DashboardRole
    from hardpoint.hub.operators import DashboardSettings as DashboardSettings
    from hardpoint.hub.operators import DashboardToken as DashboardToken
    from hardpoint.hub.queue_sources import QueueSource as QueueSource
    from hardpoint.hub.settings import ForwardSettings as ForwardSettings
    from hardpoint.hub.settings import Settings as Settings
    from hardpoint.hub.settings import SourceSettings as SourceSettings
    from hardpoint.hub.settings import WorkerSettings as WorkerSettings
    from hardpoint.hub.stores import StoreSettings as StoreSettings
    from hardpoint.hub.wsgi import WsgiInbox as WsgiInbox
    from hardpoint.resilience.blocks import Attempts as Attempts
    from hardpoint.resilience.blocks import Guard as Guard
    from hardpoint.resilience.breaker import Breaker as Breaker
    from hardpoint.resilience.budget import Budget as Budget
    from hardpoint.resilience.bulkhead import Bulkhead as Bulkhead
    from hardpoint.resilience.circuit import Circuit as Circuit
    from hardpoint.resilience.circuit import CircuitState as CircuitState
    from hardpoint.resilience.events import AttemptEnded as AttemptEnded
    from hardpoint.resilience.events import CallEnded as CallEnded
    from hardpoint.resilience.events import CallQueued as CallQueued
    from hardpoint.resilience.events import CallRejected as CallRejected
    from hardpoint.resilience.events import CircuitChanged as CircuitChanged
    from hardpoint.resilience.events import ErrorNotJudged as ErrorNotJudged
    from hardpoint.resilience.events import FellBack as FellBack
    from hardpoint.resilience.events import Hedged as Hedged
    from hardpoint.resilience.events import HedgeWon as HedgeWon
    from hardpoint.resilience.events import OptionFailed as OptionFailed
    from hardpoint.resilience.events import PolicyEvent as PolicyEvent
    from hardpoint.resilience.events import RetryScheduled as RetryScheduled
    from hardpoint.resilience.hedge import Hedge as Hedge
    from hardpoint.resilience.options import Degraded as Degraded
    from hardpoint.resilience.policy import Policy as Policy
    from hardpoint.resilience.ratelimit import RateLimit as RateLimit
    from hardpoint.resilience.recognition import Quota as Quota
    from hardpoint.resilience.recognition import Verdict as Verdict
    from hardpoint.resilience.repetition import Effect as Effect
    from hardpoint.resilience.retry import Curve as Curve
    from hardpoint.resilience.retry import Decorrelated as Decorrelated
    from hardpoint.resilience.retry import Retry as Retry
    from hardpoint.resilience.retry import constant as constant
    from hardpoint.resilience.retry import decorrelated as decorrelated
    from hardpoint.resilience.retry import exponential as exponential
    from hardpoint.resilience.retry import linear as linear
    from hardpoint.resilience.selection import refused as refused
    from hardpoint.resilience.selection import transient as transient
    from hardpoint.resilience.settings import PolicyOptions as PolicyOptions
    from hardpoint.resilience.settings import PolicySettings as PolicySettings
    from hardpoint.resilience.settings import PolicyWarning as PolicyWarning
    from hardpoint.resilience.state import Keyed as Keyed
    from hardpoint.resilience.state import Stats as Stats
    from hardpoint.resilience.streams import OpenStream as OpenStream
    from hardpoint.resilience.timeout import remaining as remaining
    from hardpoint.runtime.clocks import Cancellable as Cancellable
    from hardpoint.runtime.clocks import Signal as Signal
    from hardpoint.runtime.clocks import Timekeeper as Timekeeper
    from hardpoint.store.driver import Event as Event
    from hardpoint.store.driver import Transaction as Transaction
    from hardpoint.store.engine import Role as Role
    from hardpoint.store.events import BatchFailed as BatchFailed
    from hardpoint.store.events import BatchStalled as BatchStalled
    from hardpoint.store.events import Checkpointed as Checkpointed
    from hardpoint.store.events import GateHeldLong as GateHeldLong
    from hardpoint.store.events import HandlersDiffer as HandlersDiffer
    from hardpoint.store.events import OwnerFound as OwnerFound
    from hardpoint.store.events import OwnerMissing as OwnerMissing
    from hardpoint.store.events import OwnershipTaken as OwnershipTaken
    from hardpoint.store.events import ResultNotRecorded as ResultNotRecorded
    from hardpoint.store.events import StoreBroken as StoreBroken
    from hardpoint.store.events import TurnHeldLong as TurnHeldLong
    from hardpoint.store.events import VaultAvailable as VaultAvailable
    from hardpoint.store.events import VaultExposed as VaultExposed
    from hardpoint.store.events import VaultUnavailable as VaultUnavailable
    from hardpoint.store.events import WriteWasSlow as WriteWasSlow
    from hardpoint.store.guests.turns import StoreTurn as StoreTurn
    from hardpoint.store.retention import Retention as Retention
    from hardpoint.telemetry.logs import Logs as Logs
    from hardpoint.webhooks.handlers import Permanent as Permanent
    from hardpoint.webhooks.handlers import RetryAfter as RetryAfter
    from hardpoint.webhooks.handlers import Schedule as Schedule
    from hardpoint.webhooks.handlers import Skip as Skip
    from hardpoint.webhooks.job import Job as Job
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.calls.client_errors": ("reason_of",),
            "hardpoint.calls.events": ("RetriesBeneath",),
            "hardpoint.calls.failover": ("FailedOver",),
            "hardpoint.calls.guarded_connection": ("GuardedConnection", "SdkSettings"),
            "hardpoint.calls.once": ("Once",),
            "hardpoint.core.errors": (
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
            ),
            "hardpoint.core.events": ("Listener", "Listeners"),
            "hardpoint.core.money": ("Money",),
            "hardpoint.core.secrets": ("Secret",),
            "hardpoint.hub.accounts": ("Accounts",),
            "hardpoint.hub.api_keys": ("ApiKeySettings",),
            "hardpoint.hub.asgi": ("InboxApp",),
            "hardpoint.hub.connections": ("ConnectionPolicy", "ConnectionSettings"),
            "hardpoint.hub.events": ("ConfigurationLoaded", "DoorFailed", "HubFailed"),
            "hardpoint.hub.hub": ("Hub",),
            "hardpoint.hub.identity": ("IdentitySettings", "IssuerUnavailable", "VaultSettings"),
            "hardpoint.hub.oauth": ("OAuthSettings",),
            "hardpoint.hub.operators": ("DashboardRole", "DashboardSettings", "DashboardToken"),
            "hardpoint.hub.queue_sources": ("QueueSource",),
            "hardpoint.hub.settings": (
                "ForwardSettings",
                "Settings",
                "SourceSettings",
                "WorkerSettings",
            ),
            "hardpoint.hub.stores": ("StoreSettings",),
            "hardpoint.hub.wsgi": ("WsgiInbox",),
            "hardpoint.resilience.blocks": ("Attempts", "Guard"),
            "hardpoint.resilience.breaker": ("Breaker",),
            "hardpoint.resilience.budget": ("Budget",),
            "hardpoint.resilience.bulkhead": ("Bulkhead",),
            "hardpoint.resilience.circuit": ("Circuit", "CircuitState"),
            "hardpoint.resilience.events": (
                "AttemptEnded",
                "CallEnded",
                "CallQueued",
                "CallRejected",
                "CircuitChanged",
                "ErrorNotJudged",
                "FellBack",
                "HedgeWon",
                "Hedged",
                "OptionFailed",
                "PolicyEvent",
                "RetryScheduled",
            ),
            "hardpoint.resilience.hedge": ("Hedge",),
            "hardpoint.resilience.options": ("Degraded",),
            "hardpoint.resilience.policy": ("Policy",),
            "hardpoint.resilience.ratelimit": ("RateLimit",),
            "hardpoint.resilience.recognition": ("Quota", "Verdict"),
            "hardpoint.resilience.repetition": ("Effect",),
            "hardpoint.resilience.retry": (
                "Curve",
                "Decorrelated",
                "Retry",
                "constant",
                "decorrelated",
                "exponential",
                "linear",
            ),
            "hardpoint.resilience.selection": ("refused", "transient"),
            "hardpoint.resilience.settings": ("PolicyOptions", "PolicySettings", "PolicyWarning"),
            "hardpoint.resilience.state": ("Keyed", "Stats"),
            "hardpoint.resilience.streams": ("OpenStream",),
            "hardpoint.resilience.timeout": ("remaining",),
            "hardpoint.runtime.clocks": ("Cancellable", "Signal", "Timekeeper"),
            "hardpoint.store.driver": ("Event", "Transaction"),
            "hardpoint.store.engine": ("Role",),
            "hardpoint.store.events": (
                "BatchFailed",
                "BatchStalled",
                "Checkpointed",
                "GateHeldLong",
                "HandlersDiffer",
                "OwnerFound",
                "OwnerMissing",
                "OwnershipTaken",
                "ResultNotRecorded",
                "StoreBroken",
                "TurnHeldLong",
                "VaultAvailable",
                "VaultExposed",
                "VaultUnavailable",
                "WriteWasSlow",
            ),
            "hardpoint.store.guests.turns": ("StoreTurn",),
            "hardpoint.store.retention": ("Retention",),
            "hardpoint.telemetry.logs": ("Logs",),
            "hardpoint.webhooks.handlers": ("Permanent", "RetryAfter", "Schedule", "Skip"),
            "hardpoint.webhooks.job": ("Job",),
        },
    )
