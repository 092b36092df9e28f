"""The socket between the processes of one store: where it is, and a line that carries frames.

The path leads to the socket of whoever holds the lock: it is bound under a name of its own and
then renamed, so that it is never there without somebody behind it. After a kill it stays; nobody
answers then, and the next owner renames its own over it.

Lines are plain sockets in a loop, no transports: in a forked child each copy can be closed at once.
As long as a copy is open anywhere, the other end does not learn that this process has ended.
"""

import asyncio
import hashlib
import os
import socket
import stat
import struct
import tempfile
import threading
import time
from asyncio import _get_running_loop
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.guests.frames import Frame, FrameError, FrameReader

ADDRESS_BYTES_MAX: Final = 94
"""Of a path; the systems take a little over a hundred, and it is bound under a longer name."""
BACKLOG: Final = 1024
_CHUNK: Final = 256 * 1024
_MUCH: Final = 1 << 20
_LINGER_SECONDS: Final = 1.0


def address_of(database: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the owner of a store is reached: beside its file, if that path is not too long.

    Raises:
        StoreUnavailableError: it is, and the folder for such cases belongs to another user.
    """
    beside = Path(f"{database}.sock")
    if len(os.fsencode(beside)) <= ADDRESS_BYTES_MAX:
        return beside
    name = hashlib.sha256(os.fsencode(database)).hexdigest()[:32]
    given = environment.get("XDG_RUNTIME_DIR")
    folder = Path(given) if given else Path(tempfile.gettempdir()) / f"hardpoint-{os.geteuid()}"
    if not given:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o77:
        raise StoreUnavailableError(
            f"{folder} is to hold the socket of {database}, whose own path is too long, and others "
            "can write to it: remove it, or give the store a shorter path"
        )
    return folder / f"{name}.sock"


def listen(address: Path) -> socket.socket:
    """A socket that listens at an address, in place of whatever was there; for the lock's holder.

    Raises:
        OSError: it cannot be bound there.
    """
    private = Path(f"{address}.{os.getpid():x}")
    private.unlink(missing_ok=True)  # of a process that had our number
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(sock.fileno(), 0o600)  # Linux makes the file with this mode
        sock.bind(str(private))
        private.chmod(0o600)  # where it does not
        sock.listen(BACKLOG)
        sock.setblocking(False)
        private.rename(address)
    except BaseException:
        sock.close()
        private.unlink(missing_ok=True)
        raise
    return sock


def connect(address: Path) -> socket.socket | None:
    """A socket that is connected to whoever listens there; None when nobody does.

    Raises:
        BlockingIOError: somebody does, and is busy.
        OSError: it cannot be reached.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect(str(address))
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        return None
    except BaseException:
        sock.close()
        raise
    return sock


_CREDENTIALS: Final[int | None] = getattr(socket, "SO_PEERCRED", None)


def peer_user(sock: socket.socket, option: int | None = _CREDENTIALS) -> int:
    """The user whose process is at the other end; ours where the system does not tell."""
    if option is None:
        return os.geteuid()  # the socket's mode has let nobody else in
    _, user, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, option, 12))
    return user


@final
class FrameLine:
    """A connected socket in a loop. Any thread may send; the rest belongs to the loop's thread.

    Args:
        loop: that watches it.
        sock: connected, not blocking.
        heard: takes each frame.
        ended: called once, when the other end has hung up or says what nobody can.
        grew: called when much of a frame is there that is not whole.

    Attributes:
        open: until it has ended, or was closed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        *,
        heard: Callable[[Frame], object],
        ended: Callable[[str], object],
        grew: Callable[[], object] = lambda: None,
    ) -> None:
        self.open = True
        self._loop = loop
        self._sock = sock
        self._heard = heard
        self._ended = ended
        self._grew = grew
        self._reader = FrameReader()
        self._since = time.monotonic()
        self._mutex = threading.Lock()
        self._out = bytearray()
        self._leaving = False
        loop.add_reader(sock, self._readable)

    @property
    def held(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return self._reader.held

    @property
    def half_for(self) -> float:
        """Seconds for which it has waited for the rest of a frame."""
        return time.monotonic() - self._since if self._reader.held else 0.0

    def send(self, data: bytes) -> None:
        """Send it, now or as the other end takes it; nothing happens on a line that has ended."""
        with self._mutex:
            if not self.open or self._leaving:
                return
            behind = bool(self._out)
            self._out += data
            if behind:
                return
            ended = self._push()
        if ended is not None or self._out:
            if _get_running_loop() is self._loop:
                self._go_on(ended)
            else:
                with suppress(RuntimeError):  # it was closed, and the line with it
                    self._loop.call_soon_threadsafe(self._go_on, ended)

    def hang_up(self) -> None:
        """Send what is left, for a second at most, then close. Nothing is heard any more."""
        if self._leaving:
            return
        with self._mutex:
            self._leaving = self.open and bool(self._out)
        if self._leaving:
            self._loop.remove_reader(self._sock)
            self._loop.call_later(_LINGER_SECONDS, self.close)
        else:
            self.close()

    def close(self) -> None:
        """Close it at once; `ended` is not called."""
        with self._mutex:
            if self.open:
                self.open = False
                self._loop.remove_reader(self._sock)
                self._loop.remove_writer(self._sock)
                self._sock.close()

    def forget(self) -> None:
        """In a forked child: close the copy, and leave the loop alone, which is the parent's."""
        self.open = False
        self._sock.close()

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(str(error))
            return
        if not data:
            self._end("")
            return
        anew = not self._reader.held
        try:
            frames = self._reader.feed(data)
            if frames or anew:
                self._since = time.monotonic()
            for frame in frames:
                if self.open and not self._leaving:
                    self._heard(frame)
            if self._reader.held > _MUCH:
                self._grew()
        except FrameError as error:
            self._end(str(error))

    def _writable(self) -> None:
        with self._mutex:
            ended = self._push()
        if ended is not None:
            self._end(ended)
        elif not self._out:
            self._loop.remove_writer(self._sock)
            if self._leaving:
                self.close()

    def _go_on(self, ended: str | None) -> None:
        """Not all was sent at once: the loop sees to it."""
        if ended is not None:
            self._end(ended)
        elif self.open:
            self._loop.add_writer(self._sock, self._writable)

    def _push(self) -> str | None:
        """Send what goes now; gives why nothing does any more. The mutex is held."""
        try:
            del self._out[: self._sock.send(self._out)]
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            self._out.clear()
            return str(error)
        return None

    def _end(self, reason: str) -> None:
        if self.open:
            self.close()
            self._ended(reason)
