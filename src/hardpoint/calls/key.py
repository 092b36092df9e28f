"""Something that may be done again, whose calls are to carry the same keys each time.

A job is one: its handler runs anew after a failure or a crash. So is a call under `hub.once`.
"""

import threading
from collections import Counter
from contextvars import ContextVar
from typing import final

import msgspec

from hardpoint.core.errors import InvalidRequestError
from hardpoint.store.journal import JobName

_DIGEST_BYTES = 12


@final
class Occasion:
    """What makes the keys of calls that were given none.

    Args:
        name: the same each time, and of no other occasion.
        job: the attempt this is, where it is one.
        closed: why no call of a port may act in it, where none may.
    """

    __slots__ = ("_counts", "_lock", "closed", "job", "name")

    def __init__(self, name: str, job: JobName | None = None, *, closed: str | None = None) -> None:
        self.name = name
        self.job = job
        self.closed = closed
        self._counts: Counter[tuple[str, bytes]] = Counter()
        self._lock = threading.Lock()  # a plain handler may call from threads of its own

    def key(self, scope: str, fingerprint: bytes) -> str:
        """The key of the next call with these arguments; the second equal call has another.

        Args:
            scope: connection and operation.
            fingerprint: of the arguments.
        """
        with self._lock:
            self._counts[scope, fingerprint] += 1
            count = self._counts[scope, fingerprint]
        return f"{self.name}:{scope}:{fingerprint[:_DIGEST_BYTES].hex()}:{count}"


occasion: ContextVar[Occasion | None] = ContextVar("hardpoint_occasion", default=None)
"""Set while a handler or a call of `hub.once` runs, in whatever it starts too."""


def fingerprint(arguments: object) -> bytes:
    """The same for equal arguments.

    Raises:
        InvalidRequestError: one of them is of a kind that cannot be compared.
    """
    try:
        text = msgspec.json.encode(arguments, order="deterministic")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(
            f"cannot be compared with those of a repeat: {error}", field="arguments"
        ) from error
    import hashlib  # loads OpenSSL, which a driver does without until it calls

    return hashlib.sha256(text).digest()
