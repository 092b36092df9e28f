"""What the processes of one store say to each other: frames, and who greets whom.

A frame is its length, its kind, a number, and a payload in MessagePack. The first frame of a guest
is HELLO, with the versions that it speaks, and nothing else is taken before. The owner answers
WELCOME, with the highest version that both speak, or REFUSED.

Accepts are a queue: a guest numbers its events one after the other, an ACCEPT carries some, under
the number of its first, and ACCEPTED answers each frame, in their order. ASK and ANSWER carry the
rest, in any order: see `requests`. RELOAD tells a guest to read its configuration again. Whoever
leaves says BYE. An owner that closes, or whose store broke, answers no more: it hangs up, and what
was not answered is for the next owner. If it is to be one of a higher rank, YIELD has said so
before.

Values are written as arrays: fields are only ever added, at the end and with a default. Who does
not know a field leaves it out, so a newer process and an older one understand each other.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from typing import Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from hardpoint.store.driver import NewEvent

_T = TypeVar("_T")

VERSIONS: Final = (1,)
"""The versions of the protocol that this one speaks."""

EVENTS_MAX: Final = 200
EVENT_BYTES: Final = 1 << 20
"""An ACCEPT carries so many events, or so many bytes of them; a larger one goes alone."""

FRAME_BYTES_MAX: Final = 101 << 20
"""The largest body that any source takes, and a megabyte for the rest."""

_HEADER: Final = struct.Struct(">IBQ")


class FrameKind(IntEnum):
    """What a frame is about."""

    HELLO = 1
    WELCOME = 2
    ACCEPT = 3
    ACCEPTED = 4
    ASK = 5
    ANSWER = 6
    BYE = 7
    REFUSED = 8
    YIELD = 9
    RELOAD = 10
    """Only for those who have said their release in HELLO: those before do not know it."""


class Frame(NamedTuple):
    """One message."""

    kind: FrameKind
    number: int
    payload: bytes


class FrameError(Exception):
    """The other end says what nobody can: the line cannot be used any more."""


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """A guest says who it is.

    Attributes:
        versions: of the protocol that it speaks.
        session: its name for itself, until it ends.
        pid: its process.
        rank: see `Rank`; who does not say is a web worker.
        release: of hardpoint.
        public: where it takes webhooks, if others on this machine can find that.
    """

    versions: tuple[int, ...]
    session: str
    pid: int
    rank: int = 1
    release: str = ""
    public: str = ""


class Welcome(msgspec.Struct, frozen=True, array_like=True):
    """The owner says who it is.

    Attributes:
        version: of the protocol, from here on.
        pid: its process.
        boot: the number of its opening.
        file: which file it has open, by device and inode.
    """

    version: int
    pid: int
    boot: int
    file: tuple[int, int]


AcceptItem: TypeAlias = str | tuple[str, str] | None
"""What became of one event: None when it is new, under its own id; else how it was stored, and
under which id. A text is why it cannot be stored now, and `FAULTY` with one why it never can."""

FAULTY: Final = "faulty"


@cache
def release() -> str:
    """This version of hardpoint; empty where it was not installed."""
    from importlib.metadata import distributions  # slow to import

    found = [one.version for one in distributions(name="hardpoint")]
    return found[0] if found else ""


encode: Final = msgspec.msgpack.Encoder().encode
"""As all values are packed."""
_hello: Final = msgspec.msgpack.Decoder(Hello)
_welcome: Final = msgspec.msgpack.Decoder(Welcome)
_events: Final = msgspec.msgpack.Decoder(list[NewEvent])
_items: Final = msgspec.msgpack.Decoder(list[AcceptItem])
_rank: Final = msgspec.msgpack.Decoder(int)
_text: Final = msgspec.msgpack.Decoder(str)


def pack(kind: FrameKind, number: int, value: object) -> bytes:
    """A frame as it is sent."""
    payload = encode(value)
    return _HEADER.pack(len(payload), kind, number) + payload


def packed_event(event: NewEvent) -> msgspec.Raw:
    """An event as an ACCEPT carries it.

    Raises:
        UnicodeEncodeError: a text of it is none.
    """
    return msgspec.Raw(encode(event))


def hello_in(payload: bytes) -> Hello:
    """Read a HELLO; like all that read here, it raises `FrameError` for what is none."""
    return decoded(_hello, payload)


def welcome_in(payload: bytes) -> Welcome:
    """Read a WELCOME."""
    return decoded(_welcome, payload)


def events_in(payload: bytes) -> Sequence[NewEvent]:
    """Read an ACCEPT."""
    events = decoded(_events, payload)
    if not 0 < len(events) <= EVENTS_MAX:
        raise FrameError(f"{len(events)} events in one frame")
    return events


def items_in(payload: bytes) -> Sequence[AcceptItem]:
    """Read an ACCEPTED."""
    return decoded(_items, payload)


def rank_in(payload: bytes) -> int:
    """Read a YIELD."""
    return decoded(_rank, payload)


def text_in(payload: bytes) -> str:
    """Read a REFUSED."""
    return decoded(_text, payload)


def decoded(decoder: "msgspec.msgpack.Decoder[_T]", payload: bytes) -> _T:
    """What a payload holds.

    Raises:
        FrameError: it is not what its kind says.
    """
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"a payload is not what its kind says: {error}") from None


class FrameReader:
    """Puts frames together from a stream of bytes."""

    __slots__ = ("_bytes", "_length_max")

    def __init__(self, length_max: int = FRAME_BYTES_MAX) -> None:
        self._bytes = bytearray()
        self._length_max = length_max

    @property
    def held(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._bytes)

    def feed(self, data: bytes) -> list[Frame]:
        """Take what has come; gives the frames that are whole now.

        Raises:
            FrameError: a kind that there is not, or more than anybody may send.
        """
        frames: list[Frame] = []
        held, at = self._bytes, 0
        held += data
        while len(held) - at >= _HEADER.size:
            length, kind, number = _HEADER.unpack_from(held, at)
            if length > self._length_max or kind not in _KINDS:
                raise FrameError(f"a frame of kind {kind} with {length} bytes")
            begin = at + _HEADER.size
            if len(held) < begin + length:
                break
            at = begin + length
            frames.append(Frame(FrameKind(kind), number, bytes(held[begin:at])))
        del held[:at]
        return frames


_KINDS: Final = frozenset(FrameKind)
