"""What is told of an error: its class and message, its place in the user's code, its traceback.

Never the values of variables: they hold bodies, headers and keys.
"""

import linecache
import site
import sys
import sysconfig
from abc import ABCMeta
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from traceback import TracebackException, walk_tb
from types import FrameType, TracebackType
from typing import Final, Self, cast

_LOOKED_AT = {"__class__", "__getattribute__", "__cause__", "__context__", "__traceback__"}
_traceback = BaseException.__dict__["__traceback__"].__get__
_qualified_name = type.__dict__["__qualname__"].__get__
"""Of a class, whatever its metaclass does when it is asked."""
SUMMARY_CHARACTERS_MAX: Final = 4096
TRACE_CHARACTERS_MAX: Final = 32 * 1024
NAME_CHARACTERS_MAX: Final = 250
"""Of a module, and of a function."""
_FRAMES_MAX = 40
"""Of each exception in a traceback, the innermost."""
_ERRORS_MAX = 100
"""How many errors are looked at for a place: groups and causes may be many."""

_HARDPOINT = str(Path(__file__).parents[1])
_LIBRARIES = tuple(
    {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
    }
)
_INSTALLED = ("/site-packages/", "/dist-packages/")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the code something happened.

    Attributes:
        module: as imported; a script is named after its file.
        line: counted from 1.
        function: with the classes and functions around it: `Shop.charge`.
    """

    module: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} in {self.function}"

    def stored(self) -> str:
        """As one text; see `read`."""
        return f"{self.module}:{self.line}:{self.function}"

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """What `stored` wrote."""
        if text is None:
            return None
        module, line, function = text.split(":", 2)
        return cls(module, int(line), function)


def summary_of(error: BaseException) -> str:
    """Class and message, capped, whatever the error does when it is asked for them."""
    name: str = _qualified_name(type(error))
    try:
        message = str.__str__(str(error))
    except BaseException:  # noqa: BLE001 - it cannot even say what it is; it is the user's code
        message = ""
    return _whole((f"{name}: {message}" if message else name)[:SUMMARY_CHARACTERS_MAX])


class StrangeError(Exception):
    """Stands for an error of the user's that runs code when it is merely looked at."""


def tamed(error: BaseException) -> BaseException:
    """The error, or what stands for it where looking at it would run code of its class."""
    kind = type(error)
    bases = type.__dict__["__mro__"].__get__(kind)
    own = bases[: bases.index(BaseException)]
    odd = any(_LOOKED_AT & type.__dict__["__dict__"].__get__(base).keys() for base in own)
    if type(kind) in {type, ABCMeta} and not odd:
        return error
    return StrangeError(summary_of(error)).with_traceback(_traceback(error))


def trace_of(error: BaseException) -> str:
    """A traceback as text: lines of code and messages."""
    told = TracebackException.from_exception(error, limit=-_FRAMES_MAX, compact=True)
    return _whole("".join(told.format())[:TRACE_CHARACTERS_MAX].rstrip())


def _whole(text: str) -> str:
    """Half a surrogate pair can be neither stored nor written."""
    return text.encode("utf-8", "replace").decode()


def now_at(thread: int) -> TracebackType | None:
    """Where a thread is at this moment, as an error raised there would have it.

    Args:
        thread: its identifier, as `threading.get_ident` gives it.
    """
    trace = None
    frame = sys._current_frames().get(thread)
    while frame is not None:
        trace = TracebackType(trace, frame, frame.f_lasti, frame.f_lineno)
        frame = frame.f_back
    return trace


def read_sources(error: BaseException) -> None:
    """Read the source of an error's frames here, so that who writes its traceback need not wait."""
    with suppress(Exception):  # code may be named after anything
        for frame, _ in walk_tb(error.__traceback__):
            linecache.getlines(frame.f_code.co_filename)


def place_of(error: BaseException, home: str = "") -> Place | None:
    """The innermost frame of the user's code that an error passed.

    That is code outside of hardpoint, of the standard library and of what is installed. Of a group
    the first member that has such a frame counts; an error that has none itself stands for its
    cause.

    Args:
        error: with its traceback.
        home: a package whose modules count as the user's wherever they are: an application that is
            installed itself.

    Returns:
        None when the user's code had no part in it.
    """
    for one in _with_members_and_causes(error):
        found = None
        for frame, line in walk_tb(one.__traceback__):
            if _is_of_user(frame, home):
                found = frame, line
        if found is not None:
            return _place(*found)
    return None


def place_of_defect(error: BaseException) -> Place | None:
    """The innermost frame of all, whosever code it is."""
    *_, last = [None, *walk_tb(error.__traceback__)]
    return None if last is None else _place(*last)


def _with_members_and_causes(error: BaseException) -> Iterator[BaseException]:
    """Members of groups come first, for they know more; then the error; then what caused it."""
    seen: set[int] = set()
    left: list[tuple[BaseException, bool]] = [(error, False)]
    while left and len(seen) < _ERRORS_MAX:
        one, opened = left.pop()
        if not opened:
            if id(one) in seen:
                continue
            seen.add(id(one))
            left.append((one, True))
            if isinstance(one, BaseExceptionGroup):
                members = cast("Sequence[BaseException]", one.exceptions)
                left.extend((member, False) for member in reversed(members))
            continue
        yield one
        cause = one.__cause__ or one.__context__
        if cause is not None:
            left.append((cause, False))


def _is_of_user(frame: FrameType, home: str) -> bool:
    module = frame.f_globals.get("__name__")
    if home and isinstance(module, str) and f"{module}.".startswith(f"{home}."):
        return True
    return not _is_library(frame.f_code.co_filename)


@cache
def _is_library(file: str) -> bool:
    within = (f"{folder}/" for folder in (_HARDPOINT, *_LIBRARIES))
    return file.startswith(("<frozen ", *within)) or any(part in file for part in _INSTALLED)


def _place(frame: FrameType, line: int | None) -> Place:
    code = frame.f_code
    module = frame.f_globals.get("__name__")
    if not isinstance(module, str) or module == "__main__":
        module = Path(code.co_filename).stem
    module = module.replace(":", "_")[:NAME_CHARACTERS_MAX]
    return Place(module, line or 0, code.co_qualname[:NAME_CHARACTERS_MAX])
