"""One request under way: its bounds, its bytes, what it holds meanwhile, and what came of it."""

import threading
from collections.abc import AsyncIterator, Awaitable
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar, final

from hardpoint.core.errors import MisuseError
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response, StreamedResponse
from hardpoint.http.wire.failures import no_answer
from hardpoint.http.wire.incoming import Incoming
from hardpoint.http.wire.outgoing import Outgoing, outgoing
from hardpoint.http.wire.pool import Kept


class Carrier(Kept, Protocol):
    """A connection, as far as an exchange is concerned."""

    sent: bool
    """Whether a byte of the request can have left."""
    error: OSError | None
    """What broke it, if something did."""
    failure: BaseException | None
    """What ended it from within: the body that was to be sent over it failed."""

    def start(
        self, out: Outgoing, answer: Incoming, step: float, until: float
    ) -> Awaitable[bool] | bool:
        """Send a request, and take its answer or as much as is wanted for now.

        Gives false if that was not in time; all else is with the answer, `error` and `failure`.
        """
        ...

    def more(self) -> Awaitable[bool] | bool:
        """Read on, what came being taken; gives the same as `start`."""
        ...

    def pace(self, step: float) -> None:
        """Wait so many seconds for bytes from now on."""
        ...

    async def enough(self) -> None:
        """Ask for no more of a body that is sent piece by piece: its answer is there."""
        ...

    def end(self) -> bool:
        """The exchange is over; true if another may follow on this connection."""
        ...


_Line = TypeVar("_Line", bound=Carrier)


@final
class WireExchange(Generic[_Line]):
    """A request and its answer.

    Args:
        request: that one.
        limits: of the transport.
        remaining: seconds that the deadline of the call leaves.
        streamed: whether the answer's body is taken piece by piece.
        most: bytes of a streamed body, if they are bounded.

    Attributes:
        begun: when, by the monotonic clock.
        bounds: its seconds.
        out: its bytes.
        answer: as far as it came.
        line: the connection that it has, or had.
        waiter: what it waits on for its place, if it has to.
        in_time: whether its time was not up.
        reusable: whether another may follow on its connection.
        ended: nothing is read any more.

    Raises:
        HardpointError: it cannot even begin.
    """

    __slots__ = (
        "answer",
        "begun",
        "bounds",
        "ended",
        "in_time",
        "line",
        "out",
        "request",
        "reusable",
        "waiter",
    )

    def __init__(
        self,
        request: Request,
        limits: Limits,
        remaining: float | None,
        *,
        streamed: bool = False,
        most: int | None = None,
    ) -> None:
        self.begun = monotonic()
        self.request = request
        self.bounds = limits.bounds(request.timeout, remaining)
        out = self.out = outgoing(request)
        self.answer = Incoming(
            limits, bodiless=out.bodiless, encoded=out.encoded, streamed=streamed, most=most
        )
        self.line: _Line | None = None
        self.waiter: Any = None
        self.in_time = True
        self.reusable = False
        self.ended = False

    def start(self, line: _Line) -> Awaitable[bool] | bool:
        """Send it over a connection; false if its answer, or a stream's head, was not in time."""
        bounds = self.bounds
        return line.start(self.out, self.answer, bounds.step, self.begun + bounds.whole)

    def response(self, line: _Line) -> Response:
        """The answer.

        Raises:
            HardpointError: there is none that is whole and wanted.
        """
        answer = self.answer
        if answer.whole:
            return answer.response()
        raise self.failure(line)

    def failure(self, line: _Line) -> BaseException:
        """Why there is no such answer."""
        return line.failure or no_answer(
            self.request, self.answer, line.error, in_time=self.in_time, sent=line.sent
        )


@final
class Pieces(AsyncIterator[bytes]):
    """The body of an answer as it comes.

    Args:
        exchange: whose answer it is.
        line: the connection that it comes on.
    """

    __slots__ = ("_exchange", "_line", "_taking")

    def __init__(self, exchange: WireExchange[Any], line: Carrier) -> None:
        self._exchange = exchange
        self._line = line
        self._taking = threading.Lock()

    def headed(self) -> StreamedResponse:
        """The answer, of which the head is there.

        Raises:
            HardpointError: it is not, or the answer is not wanted.
        """
        answer = self._exchange.answer
        status = answer.status
        if status is None or answer.broken or answer.refused:
            raise self._exchange.failure(self._line)
        return StreamedResponse(status, answer.headers, self)

    async def __anext__(self) -> bytes:
        exchange, line = self._exchange, self._line
        if exchange.ended:
            raise MisuseError("A streamed answer is read within its block")
        if not self._taking.acquire(blocking=False):
            raise MisuseError("A streamed answer is read by one at a time")
        try:
            answer = exchange.answer
            while True:
                piece = answer.taken()
                if piece:
                    return piece
                if answer.whole:
                    raise StopAsyncIteration
                if answer.over or not exchange.in_time or line.error is not None:
                    raise exchange.failure(line)
                more = line.more()
                exchange.in_time = more if isinstance(more, bool) else await more
        finally:
            self._taking.release()
