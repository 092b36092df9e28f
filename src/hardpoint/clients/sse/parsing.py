"""Server-sent events out of bytes, as WHATWG HTML, 9.2.5 and 9.2.6 have it; bounded."""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeVar, final

import msgspec

from hardpoint.core.errors import UnexpectedResponseError

EVENT_BYTES_MAX: Final = 1024 * 1024
"""The largest event that is taken, and the longest line."""

RETRY_SECONDS_MAX: Final = 300.0
"""The longest wait that a server may ask for with `retry`; a longer one counts as this."""

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_DIGITS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_BOM: Final = b"\xef\xbb\xbf"
_Shape = TypeVar("_Shape")
_ANY: Final[Any] = Any


@final
class ServerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    Attributes:
        name: `message` where the server gives no other.
        data: its lines.
        id: what the server sends on after, if it is asked to: the last id that came with this
            event or before it; empty where none did.
    """

    name: str
    data: str
    id: str

    def json(self, into: type[_Shape] = _ANY) -> _Shape:
        """The data, read as JSON.

        Args:
            into: what it has to be: a dataclass, TypedDict or msgspec Struct.

        Raises:
            UnexpectedResponseError: it is not.
        """
        try:
            return msgspec.json.decode(self.data, type=into)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UnexpectedResponseError(
                f"the event {self.id!r:.80} is not as expected: {error}", outcome_known=True
            ) from None


@final
class EventParser:
    """The events of one connection.

    Args:
        last_id: of the connection before.
        bytes_max: the largest event, and the longest line.

    Attributes:
        last_id: where to go on: the id of the last event that came whole.
        retry: seconds that the server wants to be left alone for, where it said so.
    """

    __slots__ = (
        "_begun",
        "_data",
        "_id",
        "_line",
        "_most",
        "_size",
        "_skip",
        "_type",
        "last_id",
        "retry",
    )

    def __init__(self, last_id: str = "", *, bytes_max: int = EVENT_BYTES_MAX) -> None:
        self.last_id = self._id = last_id
        self.retry: float | None = None
        self._most = bytes_max
        self._line = bytearray()
        self._begun = False
        self._skip = False  # a line ended with CR: an LF that follows belongs to that end
        self._data: list[bytes] = []
        self._type = b""
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that some more bytes complete.

        Raises:
            UnexpectedResponseError: a line or an event is larger than it may be.
        """
        if self._skip and chunk:
            self._skip = False
            chunk = chunk.removeprefix(b"\n")
        *ended, rest = _LINE_END.split(chunk)
        for end in ended:
            line = end
            if self._line:
                self._line += end
                line = bytes(self._line)
                self._line.clear()
            event = self._take(line)
            if event is not None:
                yield event
        self._skip = self._skip or chunk.endswith(b"\r")
        self._line += rest
        self._check(len(self._line))

    def _take(self, line: bytes) -> ServerEvent | None:
        """One line."""
        self._check(len(line))
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatched()
        name, _, value = line.partition(b":")
        if not name:  # a comment
            return None
        self._size += len(line) + 1
        self._check(self._size)
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._type = value
            case b"id" if b"\0" not in value:
                self._id = _text(value)
            case b"retry":
                self._delay(_text(value))
            case _:
                pass
        return None

    def _dispatched(self) -> ServerEvent | None:
        """The event that a blank line ends."""
        self.last_id = self._id
        data, kind, self._data, self._type, self._size = self._data, self._type, [], b"", 0
        if not data:
            return None
        return ServerEvent(
            name=_text(kind) or "message", data=_text(b"\n".join(data)), id=self.last_id
        )

    def _delay(self, value: str) -> None:
        if _DIGITS.fullmatch(value):
            self.retry = min(int(value) / 1000, RETRY_SECONDS_MAX)

    def _check(self, size: int) -> None:
        if size > self._most:
            raise UnexpectedResponseError(
                f"an event or a line of it is larger than {self._most} bytes", outcome_known=True
            )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
