"""Bodies that are not held in memory: one that goes out piece by piece, one that comes in so."""

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol, final

from hardpoint.core.errors import HardpointError, InvalidRequestError, MisuseError
from hardpoint.http.messages import BodyStream, Request, StreamedResponse
from hardpoint.http.wire.failures import no_answer
from hardpoint.http.wire.incoming import Incoming


@final
class Supply:
    """The pieces of a request's body, seen to be as many bytes as its head says.

    Attributes:
        left: bytes that are still to come.
    """

    __slots__ = ("_pieces", "left")

    def __init__(self, body: BodyStream) -> None:
        self.left = body.size
        self._pieces = aiter(body.pieces)

    async def next(self) -> bytes:
        """The next piece, while some are left.

        Raises:
            InvalidRequestError: they are not as many bytes; the request has not been sent whole.
        """
        piece = await anext(self._pieces, None)
        if piece is None:
            raise InvalidRequestError(f"ended {self.left} bytes before its size", field="body")
        if len(piece) > self.left:
            raise InvalidRequestError("has more bytes than its size", field="body")
        self.left -= len(piece)
        return piece


class Reading(Protocol):
    """A connection, as far as a stream is concerned."""

    @property
    def sent(self) -> bool:
        """Whether a byte of the request can have left."""
        ...

    @property
    def error(self) -> OSError | None:
        """What broke it, if something did."""
        ...

    def more(self) -> Awaitable[bool] | bool:
        """Read on; false if nothing came in time."""
        ...


@final
class Pieces(AsyncIterator[bytes]):
    """The body of an answer as it comes.

    Args:
        request: what it answers.
        answer: as far as it came.
        line: the connection that it comes on.
    """

    __slots__ = ("_answer", "_ended", "_line", "_request")

    def __init__(self, request: Request, answer: Incoming, line: Reading) -> None:
        self._request = request
        self._answer = answer
        self._line = line
        self._ended = False

    def headed(self, *, in_time: bool) -> StreamedResponse:
        """The answer, of which the head is there.

        Raises:
            HardpointError: it is not, or the answer is not wanted.
        """
        answer = self._answer
        status = answer.status
        if status is None or answer.broken or answer.refused:
            raise self._error(in_time=in_time)
        return StreamedResponse(status, answer.headers, self)

    def end(self) -> None:
        """The connection is given back: nothing is read any more."""
        self._ended = True
        self._answer.release()

    async def __anext__(self) -> bytes:
        if self._ended:
            raise MisuseError("A streamed answer is read within its block")
        answer, in_time = self._answer, True
        while True:
            piece = answer.taken()
            if piece:
                return piece
            if answer.whole:
                raise StopAsyncIteration
            if answer.over or not in_time or self._line.error is not None:
                raise self._error(in_time=in_time)
            more = self._line.more()
            in_time = more if isinstance(more, bool) else await more

    def _error(self, *, in_time: bool) -> HardpointError:
        line = self._line
        return no_answer(self._request, self._answer, line.error, in_time=in_time, sent=line.sent)
