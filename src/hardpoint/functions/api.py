"""The function port: what users hold. Checked before any I/O, run under the connection's policy."""

from math import isfinite
from typing import Any, cast, final

import msgspec

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec
from hardpoint.core.arguments import KINDS_OF_BYTES
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.functions.driver import FunctionCapability, FunctionDriver
from hardpoint.functions.types import FunctionResult

_INVOKE = Operation("invoke", Repeat.NEEDS_KEY)
_BEGIN = Operation("begin", Repeat.NEEDS_KEY)
_REPEATABLE = Operation("invoke", Repeat.IDEMPOTENT)


class _Begun(msgspec.Struct, frozen=True):
    """The provider has taken it; `id` is the key's, since it gives none."""

    id: str


@final
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

    def __init__(self, driver: FunctionDriver, connection: Connection) -> None:
        self.driver = driver
        """The provider's own driver: the way round the port."""
        self.connection = connection
        self._calls = Calls(connection, driver)

    async def invoke(
        self,
        payload: Any = None,
        *,
        log: bool = False,
        repeatable: bool = False,
        idempotency_key: str | None = None,
    ) -> FunctionResult:
        """Run it, and wait for what it returns, for as long as the policy's timeout.

        Args:
            payload: bytes as they are; anything else as JSON.
            log: have the end of its log too.
            repeatable: it does the same when it runs twice, so that a lost answer is asked for
                again.
            idempotency_key: names this call for the connection's journal; no provider knows keys.
                In a handler a call without one gets the job's own.
        """
        body = self._checked(payload, "payload_bytes")
        if log:
            self.driver.capabilities.require(FunctionCapability.LOG, self.driver.provider)
        if repeatable:
            return await self._calls.run(
                _REPEATABLE, lambda: self.driver.invoke(body, log=log, idempotency_key="")
            )
        return await self._calls.run_keyed(
            _INVOKE,
            lambda key: self.driver.invoke(body, log=log, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=body, returns=FunctionResult),
        )

    async def begin(self, payload: Any = None, *, idempotency_key: str | None = None) -> None:
        """Have it run without waiting for it. The provider may run it again when it fails.

        Args:
            payload: see `invoke`.
            idempotency_key: see `invoke`.
        """
        self.driver.capabilities.require(FunctionCapability.BEGIN, self.driver.provider)
        body = self._checked(payload, "begun_bytes")

        async def attempt(key: str) -> _Begun:
            await self.driver.begin(body, idempotency_key=key)
            return _Begun(key)

        spec = CallSpec(arguments=body, returns=_Begun)
        await self._calls.run_keyed(_BEGIN, attempt, idempotency_key, spec)

    def _checked(self, payload: Any, limit: str) -> bytes:
        if isinstance(payload, KINDS_OF_BYTES):
            body = bytes(cast("bytes", payload))
        else:
            try:
                body = msgspec.json.encode(payload)
                exact = _is_finite(msgspec.to_builtins(payload))
            except (TypeError, *UNREADABLE):
                raise InvalidRequestError("cannot be written as JSON", field="payload") from None
            if not exact:  # it would be null
                raise InvalidRequestError("holds a number that is not finite", field="payload")
        most = self.driver.capabilities.limits[limit]
        if len(body) > most:
            raise InvalidRequestError(
                f"{len(body)} bytes are more than {most}; put them into a storage and send the key",
                field="payload",
            )
        return body


def _is_finite(value: object) -> bool:
    """Whether all numbers of a document are."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, cast("dict[object, object]", value).values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_finite, cast("list[object]", value)))
    return True
