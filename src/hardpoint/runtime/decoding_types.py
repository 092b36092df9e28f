"""Types that several threads decode."""

import threading
from typing import Any, Final, TypeVar, final

import msgspec

from hardpoint.core.forks import forget_in_child

DecodableType = TypeVar("DecodableType", bound=type[Any])


@final
class TypeMaking:
    """Held by the one thread that has msgspec make what it knows of a type.

    msgspec (0.22) does that when a type is decoded first, and shows it to other threads before it
    is whole: a second one that decodes just then ends the process (SIGSEGV).
    """

    def __init__(self) -> None:
        self._known: set[Any] = set()
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: whoever held it is not there."""
        self.lock = threading.RLock()

    def prepared(self, kind: DecodableType) -> DecodableType:
        """A type that any thread may decode now."""
        if kind not in self._known:
            with self.lock:
                msgspec.json.Decoder(kind)
            self._known.add(kind)
        return kind


TYPE_MAKING: Final = TypeMaking()
prepared: Final = TYPE_MAKING.prepared
