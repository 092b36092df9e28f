"""The blocking facade of `hardpoint.functions`; written by scripts/generate_sync."""

from hardpoint.functions.types import FunctionResult
from hardpoint.runtime.blocking import run
from typing import Any
import hardpoint.functions.api as asynchronous

class FunctionInvoker:
    """Has one function run at a provider.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        FunctionFailedError: the function ran and failed: an answer, never retried, and no outage.
        OutcomeUnknownError: it may have run. It is not repeated, unless `repeatable` says that a
            repeat does no harm.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, wrapped: asynchronous.FunctionInvoker) -> None:
        self.asynchronous = wrapped

    def invoke(self, payload: Any=None, *, log: bool=False, repeatable: bool=False, idempotency_key: str | None=None) -> FunctionResult:
        """Run it, and wait for what it returns, for as long as the policy's timeout.

        Args:
            payload: bytes as they are; anything else as JSON.
            log: have the end of its log too.
            repeatable: it does the same when it runs twice, so that a lost answer is asked for
                again.
            idempotency_key: names this call for the connection's journal; no provider knows keys.
                In a handler a call without one gets the job's own.
        """
        return run(self.asynchronous.invoke(payload, log=log, repeatable=repeatable, idempotency_key=idempotency_key))

    def begin(self, payload: Any=None, *, idempotency_key: str | None=None) -> None:
        """Have it run without waiting for it. The provider may run it again when it fails.

        Args:
            payload: see `invoke`.
            idempotency_key: see `invoke`.
        """
        return run(self.asynchronous.begin(payload, idempotency_key=idempotency_key))
