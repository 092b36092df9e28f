"""A large answer, opened under the policy; what follows is never repeated."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import final

from hardpoint.calls.watching import CallWatch
from hardpoint.clients.rest.calling import RestCalls, RestOptions
from hardpoint.clients.rest.requests import RestRequest, operation_of
from hardpoint.core.errors import (
    MisuseError,
    OutcomeUnknownError,
    ProviderError,
    UnavailableError,
)
from hardpoint.core.outcome import Repeat
from hardpoint.http.coding import unfold
from hardpoint.http.messages import StreamedResponse


@final
class StreamOpening:
    """One large answer; see `RestClient.stream` for the arguments.

    Each opening is told as an attempt is, and the whole as a call, once the stream has ended.
    """

    def __init__(
        self,
        calls: RestCalls,
        method: str,
        path: str,
        params: Mapping[str, object],
        options: RestOptions,
        *,
        bytes_max: int | None,
        idle: float | None = None,
    ) -> None:
        call, body = calls.prepared(method, path, options, params)
        self._calls = calls
        self._operation = operation_of(method, path, "never" if body.once else options.repeat)
        self._compressed = options.compressed
        self._bytes_max = bytes_max
        self._idle = idle
        self._size = 0
        self._reply: StreamedResponse | None = None
        self._broken: Exception | None = None
        self._watch: CallWatch | None = None
        connection = calls.connection
        self._manager = connection.runtime.open(
            connection.policy.with_(repeat=self._operation.repeat.value, tells_calls=False),
            lambda: self._opened(call),
        )

    @property
    def operation(self) -> str:
        """What it is called where it is told of."""
        return self._operation.name

    @property
    def reply(self) -> StreamedResponse:
        """Its head.

        Raises:
            MisuseError: it is not open.
        """
        if self._reply is None:
            raise MisuseError("A stream is read within its block: with crm.stream(...) as body")
        return self._reply

    async def enter(self) -> None:
        """Open it."""
        connection = self._calls.connection
        if connection.listeners.active:
            self._watch = CallWatch(
                connection.name,
                self._calls.provider,
                self._operation.name,
                clock=connection.clock,
                ids=connection.ids,
                listeners=connection.listeners,
                entered=False,
            )
        try:
            self._reply = await self._manager.__aenter__()
        except BaseException as error:
            self._tell_call(error)
            raise

    async def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        try:
            await self._manager.__aexit__(kind, error, trace)
        finally:
            self._tell_call(self._broken)

    def pieces(self) -> AsyncIterator[bytes]:
        """Its body, unfolded where it came compressed."""
        reply = self.reply
        encoding = ", ".join(reply.headers.all("content-encoding")) if self._compressed else ""
        return self._told(unfold(aiter(reply), encoding, bytes_max=self._bytes_max))

    async def _told(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """The pieces; what breaks off while it only reads has no outcome to be unknown."""
        try:
            async for piece in pieces:
                self._size += len(piece)
                yield piece
        except ProviderError as error:
            failure = self._breaking(error)
            if failure is error:
                raise
            raise failure from error

    async def piece(self) -> bytes | None:
        """The next piece as it came; None at the end. Who is cancelled meanwhile may ask again."""
        try:
            piece = await anext(aiter(self.reply), None)
        except ProviderError as error:
            failure = self._breaking(error)
            if failure is error:
                raise
            raise failure from error
        self._size += len(piece or b"")
        return piece

    def _breaking(self, error: ProviderError) -> ProviderError:
        """What it means that no more comes."""
        failure = error
        if isinstance(error, OutcomeUnknownError) and self._operation.repeat is Repeat.SAFE:
            failure = self._failure(error, f"the answer broke off after {self._size} bytes")
        self._broken = failure
        return failure

    @asynccontextmanager
    async def _opened(self, call: RestRequest) -> AsyncGenerator[StreamedResponse]:
        """One attempt to open it."""
        async with AsyncExitStack() as stack:
            yield await self._attempted(call, stack)

    async def _attempted(self, call: RestRequest, stack: AsyncExitStack) -> StreamedResponse:
        calls = self._calls
        calls.check(self._operation)
        if self._watch is not None:
            self._watch.begin_attempt()
        opening = calls.driver.stream(call, bytes_max=self._bytes_max, idle=self._idle)
        try:
            reply = await stack.enter_async_context(opening)
        except BaseException as error:
            failure: BaseException = error
            if isinstance(error, OutcomeUnknownError) and self._operation.repeat is Repeat.SAFE:
                failure = self._failure(error, str(error))
            self._tell_attempt(failure)
            if failure is error:
                raise
            raise failure from error
        self._tell_attempt(None)
        return reply

    def _tell_attempt(self, failure: BaseException | None) -> None:
        if self._watch is not None:
            facts = failure if isinstance(failure, ProviderError) else None
            self._watch.end_attempt(
                _code_of(failure),
                status=facts.status if facts else None,
                request_id=facts.request_id if facts else None,
            )

    def _tell_call(self, failure: BaseException | None) -> None:
        if self._watch is not None:
            self._watch.end(_code_of(failure))

    def _failure(self, error: OutcomeUnknownError, words: str) -> UnavailableError:
        return UnavailableError(
            words,
            provider=self._calls.provider,
            operation=self._operation.name,
            status=error.status,
            vendor_code=error.vendor_code,
            request_id=error.request_id,
            retry_after=error.retry_after,
        )


def _code_of(failure: BaseException | None) -> str | None:
    """As the events of calls name it."""
    if failure is None:
        return None
    if isinstance(failure, ProviderError):
        return failure.code
    return type(failure).__name__ if isinstance(failure, Exception) else "cancelled"
