"""Sending one request and reading its answer: no redirect, no proxy, capped."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from shlex import quote
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import Self, final
from urllib.parse import urlsplit

from hardpoint.cli.failures import unreachable, usage
from hardpoint.cli.terminal import Terminal, plain
from hardpoint.core.errors import OutcomeUnknownError, UnavailableError
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits, on_loopback
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run

ANSWER_BYTES_MAX = 16 * 1024
TIMEOUT = 30.0
STARTUP_SECONDS = 5.0
"""How long a server on this machine may take to come up: it may have been started just now."""
_PAUSE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedAnswer:
    """What came back; `milliseconds` from sending to the last byte read."""

    status: int
    body: str
    milliseconds: float

    @property
    def accepted(self) -> bool:
        """Whether a vendor would take it as delivered."""
        return 200 <= self.status < 300


@final
class Poster:
    """Posts to one address, over one connection where the other side keeps it.

    Args:
        find: the address and the Unix socket as they are now; asked again while nobody listens.
        addressed: what an address becomes when it is posted to: a key goes into it that is not
            to be shown.
    """

    def __init__(
        self,
        terminal: Terminal,
        url: str,
        *,
        timeout: float = TIMEOUT,
        uds: str | None = None,
        find: Callable[[], tuple[str, str | None]] | None = None,
        addressed: Callable[[str], str] = str,
    ) -> None:
        self._terminal = terminal
        self.url = url
        self._uds = uds
        self._find = find
        self._addressed = addressed
        self._timeout = timeout
        limits = Limits(
            timeout=timeout, exchange=timeout, body_bytes_max=ANSWER_BYTES_MAX, cut=True
        )
        self._transport = BlockingTransport(limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def post(self, headers: Sequence[tuple[str, str]], body: bytes) -> PostedAnswer:
        """Send once; to this machine, as soon as somebody listens.

        Raises:
            CommandError: nobody answered.
        """
        clock = self._terminal.clock
        patience = STARTUP_SECONDS if on_loopback(urlsplit(self.url).hostname) else 0
        begun = clock.monotonic()
        while self._uds is None:
            started, url = clock.monotonic(), self.url
            request = Request(method="POST", url=self._addressed(url), headers=headers, body=body)
            try:
                response = run(self._transport.send(request))
            except UnavailableError as error:
                if not error.retryable or clock.monotonic() - begun >= patience:
                    said = f"nobody listens at {url}"
                    if self._find is not None:
                        said += "; if your application has the hub, give its address with --to"
                    raise unreachable(said, hint="hardpoint serve") from error
                self._terminal.sleep(_PAUSE)
                self._look()
            except OutcomeUnknownError as error:
                raise unreachable(f"{url} did not answer", hint="hardpoint doctor") from error
            else:
                milliseconds = round((clock.monotonic() - started) * 1000, 1)
                text = response.body.decode(errors="replace")
                return PostedAnswer(status=response.status, body=text, milliseconds=milliseconds)
        return self._post_unix(self._uds, headers, body)

    def _look(self) -> None:
        """A server that came up meanwhile says where it is, whatever its port."""
        before = self.url
        if self._find is not None:
            self.url, self._uds = self._find()
        if self.url != before:
            self._terminal.say(f"now to {self.url}")

    def _post_unix(
        self, path: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> PostedAnswer:
        """To a server that listens on a Unix socket, which our transport does not know."""
        started = self._terminal.clock.monotonic()
        try:
            with closing(_UnixConnection(path, self._timeout)) as connection:
                target = urlsplit(self._addressed(self.url))
                path_and_query = target._replace(scheme="", netloc="").geturl()
                connection.request("POST", path_and_query, body, dict(headers))
                with closing(connection.getresponse()) as reply:
                    text = reply.read(ANSWER_BYTES_MAX).decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise unreachable(f"nobody answers at {path}", hint="hardpoint serve") from error
        milliseconds = round((self._terminal.clock.monotonic() - started) * 1000, 1)
        return PostedAnswer(status=reply.status, body=text, milliseconds=milliseconds)


@final
class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket(AF_UNIX, SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def curl(
    url: str, headers: Sequence[tuple[str, str]], body: bytes, *, uds: str | None = None
) -> str:
    """The same request as a line for a shell."""
    text = body.decode(errors="replace")
    if text.encode() != body or plain(text, lines=True) != text:
        raise usage("a shell cannot carry this body", hint="send it without --print-curl")
    fields = (f"-H {quote(f'{name}: {value}')}" for name, value in headers)
    through = () if uds is None else (f"--unix-socket {quote(uds)}",)
    return " ".join(("curl -sS", *through, *fields, f"--data-raw {quote(text)}", quote(url)))
