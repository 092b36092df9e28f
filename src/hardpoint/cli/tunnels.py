"""A tunnel by the user's own command: its public URL is found in what it says; it ends with us."""

import os
import re
import shlex
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import IO, Final, final
from urllib.parse import urlsplit

from hardpoint.cli.failures import CommandError, Exit, usage
from hardpoint.http.limits import on_loopback

START_SECONDS: Final = 30.0
"""How long a tunnel may take to say where it is."""
STOP_SECONDS: Final = 5.0
PLACE: Final = "{url}"
_URLS: Final = re.compile(r"https://[A-Za-z0-9.-]+(?::\d{1,5})?(?![A-Za-z0-9.:-])/?(?![\w/?#])")
"""An origin with nothing behind it: a tunnel's own, not one of its pages of help."""
_LINE_MAX: Final = 4096
_LINES_KEPT: Final = 5


def public_url(line: str) -> str | None:
    """The public address that a line of a tunnel's output names; None where there is none."""
    found: str
    for found in _URLS.findall(line[:_LINE_MAX]):
        host = urlsplit(found).hostname
        if not on_loopback(host) and "." in (host or ""):
            return found.rstrip("/.")
    return None


@final
class Tunnel:
    """A command that runs, and what it says.

    Args:
        command: the user's, with `{url}` where our address goes.
        url: that address.

    Attributes:
        public: its public address, once it is known.
        ended: done when the command has ended before it was stopped.
    """

    def __init__(self, command: str, url: str) -> None:
        try:
            words = [one.replace(PLACE, url) for one in shlex.split(command)]
        except ValueError as error:
            raise usage(f"--tunnel cannot be read: {error}") from None
        if not words or PLACE not in command:
            raise usage(
                f"--tunnel is a command with {PLACE} in it",
                hint='--tunnel "cloudflared tunnel --url {url}"',
            )
        self._name = words[0]
        self.ended = Future[None]()
        self._said: deque[str] = deque(maxlen=_LINES_KEPT)
        self._known = threading.Event()
        self._stopping = False
        self.public: str | None = None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command, no shell
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours; it is ended with us, and its children
            )
        except OSError as error:
            raise usage(f"--tunnel: {words[0]} cannot be started ({error.strerror})") from None
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="hardpoint-tunnel", daemon=True
        )
        self._reader.start()

    def wait(self) -> str:
        """Its public address.

        Raises:
            CommandError: it has ended, or has named none in time.
        """
        self._known.wait(START_SECONDS)
        if self.public is None:
            code = self._process.poll()
            how = (
                f"named no https address in {START_SECONDS:g} s"
                if code is None
                else f"ended ({code})"
            )
            said = "".join(f"\n  {one}" for one in self._said)
            raise CommandError(
                f"the tunnel {self._name} {how}{said}",
                exit_code=Exit.UNREACHABLE,
                code="tunnel",
                hint="run it by itself, and give its address with --public-url",
            )
        return self.public

    def stop(self) -> None:
        """End it, and what it has started."""
        self._stopping = True
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
        self._reader.join(STOP_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, output: IO[bytes]) -> None:
        """All it says is read, or it would stand still when the pipe is full."""
        with output:
            while raw := output.readline(_LINE_MAX):
                line = raw.decode("utf-8", "replace").rstrip()
                self._said.append(line)
                if self.public is None and (found := public_url(line)) is not None:
                    self.public = found
                    self._known.set()
        self._process.wait()
        self._known.set()
        if not self._stopping:
            self.ended.set_result(None)


@contextmanager
def tunnelled(command: str, url: str) -> Generator[Tunnel]:
    """A tunnel for as long as the block runs."""
    tunnel = Tunnel(command, url)
    try:
        yield tunnel
    finally:
        tunnel.stop()
