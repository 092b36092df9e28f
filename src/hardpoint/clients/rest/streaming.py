"""A large answer, opened under the policy; what follows is never repeated."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import final

from hardpoint.clients.rest.calling import RestCalls, RestOptions
from hardpoint.clients.rest.requests import RestRequest, operation_of
from hardpoint.core.errors import MisuseError, OutcomeUnknownError, UnavailableError
from hardpoint.core.outcome import Repeat
from hardpoint.http.coding import unfold
from hardpoint.http.messages import StreamedResponse


@final
class StreamOpening:
    """One large answer; see `RestClient.stream` for the arguments."""

    def __init__(
        self,
        calls: RestCalls,
        method: str,
        path: str,
        params: Mapping[str, object],
        options: RestOptions,
        *,
        bytes_max: int | None,
    ) -> None:
        call, body = calls.prepared(method, path, options, params)
        self._calls = calls
        self._operation = operation_of(method, path, "never" if body.once else None)
        self._compressed = options.compressed
        self._bytes_max = bytes_max
        self._reply: StreamedResponse | None = None
        connection = calls.connection
        self._manager = connection.runtime.open(
            connection.policy.with_(repeat=self._operation.repeat.value),
            lambda: self._opened(call),
        )

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
        self._reply = await self._manager.__aenter__()

    async def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self._manager.__aexit__(kind, error, trace)

    def pieces(self) -> AsyncIterator[bytes]:
        """Its body, unfolded where it came compressed."""
        reply = self.reply
        encoding = ", ".join(reply.headers.all("content-encoding")) if self._compressed else ""
        return self._told(unfold(aiter(reply), encoding, bytes_max=self._bytes_max))

    async def _told(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """The pieces; what breaks off while it only reads has no outcome to be unknown."""
        size = 0
        try:
            async for piece in pieces:
                size += len(piece)
                yield piece
        except OutcomeUnknownError as error:
            if self._operation.repeat is not Repeat.SAFE:
                raise
            raise self._failure(error, f"the answer broke off after {size} bytes") from error

    @asynccontextmanager
    async def _opened(self, call: RestRequest) -> AsyncGenerator[StreamedResponse]:
        """One attempt to open it."""
        calls = self._calls
        calls.check(self._operation)
        async with AsyncExitStack() as stack:
            opening = calls.driver.stream(call, bytes_max=self._bytes_max)
            try:
                reply = await stack.enter_async_context(opening)
            except OutcomeUnknownError as error:
                if self._operation.repeat is not Repeat.SAFE:
                    raise
                raise self._failure(error, str(error)) from error
            yield reply

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
