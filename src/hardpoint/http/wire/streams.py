"""A body that goes out piece by piece and is never held in memory."""

from typing import final

from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.messages import BodyStream


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
