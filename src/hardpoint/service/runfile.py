"""`<database>.run`: how a command line on this machine finds the server and is known to it.

Whoever can read the file may order the server about, so it is its owner's alone (0600).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, final

import msgspec

from hardpoint.core.errors import ConfigurationError

_BYTES_MAX = 4096


@final
class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """A running server.

    Attributes:
        pid: its process.
        url: of its admin listener.
        public: where it takes webhooks, `unix:` and a path where that is a socket.
        token: random, made at each start.
        started_at: Unix seconds.
    """

    pid: Annotated[int, msgspec.Meta(ge=1)]
    url: str
    token: str
    started_at: float
    public: str = ""

    def __repr__(self) -> str:
        return f"<Run {self.pid} at {self.url}>"


def path_of(database: Path) -> Path:
    """Where the file of a database's server is."""
    return Path(f"{database}.run")


def write(path: Path, run: RunningServer) -> None:
    """Put the file in place, whole from its first moment.

    Raises:
        ConfigurationError: the folder does not take it.
    """
    draft = Path(f"{path}.{run.pid}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, flags | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(run))
        draft.replace(path)
    except OSError as error:
        raise ConfigurationError(str(path), f"cannot be written ({error.strerror})") from None


def read(path: Path) -> RunningServer | None:
    """What the file says; None where there is none, or not one of ours.

    Raises:
        ConfigurationError: there is one, of a server that runs as somebody else.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES_MAX)
    except PermissionError:
        raise ConfigurationError(
            str(path), "belongs to another user's server", fix="RunningServer this as that user"
        ) from None
    except OSError:
        return None
    try:
        return msgspec.json.decode(content, type=RunningServer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def remove(path: Path, run: RunningServer) -> None:
    """Take the file away, unless another server has put its own there."""
    if read(path) == run:
        path.unlink(missing_ok=True)


def process_lives(pid: int, *, kill: Callable[[int, int], None] = os.kill) -> bool:
    """Whether there is such a process, be it another user's."""
    try:
        kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
