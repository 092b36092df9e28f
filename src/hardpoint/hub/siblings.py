"""The processes of one site on this machine, as each shows itself to the others.

A process that is observed listens on a Unix socket of its own, in a folder that all of them find by
the name of their store. Whoever is asked how the site is asks the others there and then: nothing is
written from time to time, and nothing is left of a process that has ended.
"""

import asyncio
import hashlib
import os
import re
import socket
import stat
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple, final

from hardpoint.core.forks import forget_in_child

ASK_SECONDS: Final = 1.0
"""What the others have to answer in, all at a time; a stopped one is told as silent."""
PROCESSES_MAX: Final = 256
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
_QUESTION_BYTES_MAX: Final = 64
_BACKLOG: Final = 16
_NAME: Final = re.compile(r"([0-9]{1,10})-[0-9]{1,10}\.sock", re.ASCII)
_numbers: Final = count(1)


class SiblingAnswers(NamedTuple):
    """What the other processes said, and which of them said nothing."""

    said: Mapping[int, bytes]
    silent: Sequence[int]


@final
class Siblings:
    """This process among the others of its site.

    Args:
        store: names the site: the path of its file, or its database.
        answer: answers a question about this process; called on a thread of ours.
    """

    def __init__(self, store: str, answer: Callable[[str], bytes]) -> None:
        name = hashlib.sha256(store.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self._name = name
        self._answer = answer
        self._listener: socket.socket | None = None
        self._path: Path | None = None
        self._mutex = threading.Lock()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: the socket is the parent's, who alone is to be found there."""
        inherited, self._listener, self._path = self._listener, None, None
        self._mutex = threading.Lock()
        if inherited is not None:
            inherited.close()

    def announce(self) -> None:
        """Answer the others from now on; where that cannot be, they do not hear of this process."""
        with self._mutex:
            if self._listener is not None:
                return
            with suppress(OSError):
                path = self._folder() / f"{os.getpid()}-{next(_numbers)}.sock"
                path.unlink(missing_ok=True)  # of a process that had our number
                listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    listener.bind(str(path))
                    listener.listen(_BACKLOG)
                except OSError:
                    listener.close()
                    raise
                self._listener, self._path = listener, path
                threading.Thread(
                    target=self._serve, args=(listener,), name="hardpoint-siblings", daemon=True
                ).start()

    def close(self) -> None:
        """Be found no more."""
        with self._mutex:
            listener, path = self._listener, self._path
            self._listener = self._path = None
        if listener is not None and path is not None:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
                caller.settimeout(ASK_SECONDS)
                caller.connect(str(path))  # wakes the thread, which closes its socket
            path.unlink(missing_ok=True)

    async def ask(self, question: str) -> SiblingAnswers:
        """Ask all the others, at a time."""
        me = os.getpid()
        with suppress(OSError):
            named = ((_pid_of(one), one) for one in self._folder().iterdir())
            asked = [(pid, one) for pid, one in named if pid is not None and pid != me]
            asked = asked[:PROCESSES_MAX]
            answers = await asyncio.gather(*(_asked(path, question) for _, path in asked))
            pairs = list(zip((pid for pid, _ in asked), answers, strict=True))
            return SiblingAnswers(
                {pid: one for pid, one in pairs if one},
                [pid for pid, one in pairs if one == b""],
            )
        return SiblingAnswers({}, ())

    def _folder(self) -> Path:
        """The site's, for this user alone.

        Raises:
            OSError: it cannot be had, or others can write to where it would be.
        """
        given = os.environ.get("XDG_RUNTIME_DIR")
        above = Path(given) if given else Path(tempfile.gettempdir()) / f"hardpoint-{os.geteuid()}"
        folder = above / f"site-{self._name}"
        for one in (above, folder):
            with suppress(FileExistsError):
                one.mkdir(mode=0o700)
            status = one.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise NotADirectoryError(str(one))
            if status.st_mode & 0o77:
                raise PermissionError(str(one))
        return folder

    def _serve(self, listener: socket.socket) -> None:
        with listener:
            while self._listener is listener:
                try:
                    caller, _ = listener.accept()
                except OSError:  # no descriptor is left, say: whoever asks is told nothing
                    threading.Event().wait(ASK_SECONDS)
                    continue
                with caller, suppress(OSError):
                    caller.settimeout(ASK_SECONDS)
                    question = caller.recv(_QUESTION_BYTES_MAX).decode("ascii", "replace")
                    if question:
                        caller.sendall(self._answer(question))


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _pid_of(path: Path) -> int | None:
    found = _NAME.fullmatch(path.name)
    return None if found is None else int(found[1])


async def _asked(path: Path, question: str) -> bytes | None:
    """What one says: nothing (b"") where it is silent; None where it has ended."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(question.encode())
                parts: list[bytes] = []
                size = 0
                while part := await reader.read(64 * 1024):
                    parts.append(part)
                    size += len(part)
                    if size > ANSWER_BYTES_MAX:
                        return b""
                return b"".join(parts)
            finally:
                writer.close()
    except (ConnectionRefusedError, FileNotFoundError):
        _remove(path)
        return None
    except (OSError, TimeoutError):
        return b""
