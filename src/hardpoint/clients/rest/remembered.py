"""Answers that are asked for again by their validators: what has not changed is not sent anew."""

import threading
from collections import OrderedDict
from typing import Final, final

from hardpoint.clients.rest.answers import RestAnswer

BYTES_MAX: Final = 8 * 1024 * 1024
"""All of them together, with their headers."""
_AROUND_BYTES: Final = 256
"""What a remembered answer costs beside its texts."""


@final
class Remembered:
    """The latest answers of one connection, by what was asked; any thread may use it."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._most = bytes_max
        self._bytes = 0
        self._answers: OrderedDict[str, RestAnswer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asked: str) -> RestAnswer | None:
        """The answer to it, if there is one."""
        with self._lock:
            found = self._answers.get(asked)
            if found is not None:
                self._answers.move_to_end(asked)
            return found

    def keep(self, asked: str, answer: RestAnswer) -> None:
        """Remember it, if it can be asked for again, and forget the oldest beyond the bound."""
        with self._lock:
            old = self._answers.pop(asked, None)
            if old is not None:
                self._bytes -= _bytes_of(asked, old)
            size = _bytes_of(asked, answer)
            if not validators(answer) or size > self._most:
                return
            self._answers[asked] = answer
            self._bytes += size
            while self._bytes > self._most:
                asked, old = self._answers.popitem(last=False)
                self._bytes -= _bytes_of(asked, old)


def validators(answer: RestAnswer) -> tuple[tuple[str, str], ...]:
    """The headers by which to ask for it again; none where it has none, or must not be kept."""
    headers = answer.headers
    if "no-store" in ", ".join(headers.all("cache-control")).lower():
        return ()
    etag, modified = headers.get("etag"), headers.get("last-modified")
    if etag:
        return (("if-none-match", etag),)
    return (("if-modified-since", modified),) if modified else ()


def _bytes_of(asked: str, answer: RestAnswer) -> int:
    around = sum(len(name) + len(value) for name, value in answer.pairs)
    return len(asked) + len(answer.body) + around + _AROUND_BYTES
