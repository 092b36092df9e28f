"""The effect that the driver awaits: a line to a mail server, in two shells.

`aiosmtplib` beneath event loops, `smtplib` beneath blocking callers. A line lasts for one email, so
none can cross a fork or an event loop, and none is found dead when it is needed.
"""

import smtplib
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from time import monotonic
from typing import Any, ClassVar, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.http.wire.trust import Trust, context_of
from hardpoint.providers.smtp import Security, Smtp
from hardpoint.providers.smtp.errors import SmtpReply
from hardpoint.providers.smtp.line import LineLostError, SmtpLine
from hardpoint.resilience.timeout import remaining
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.runtime.effects import Runtime

CONNECT_SECONDS = 10.0
GOODBYE_SECONDS = 1.0
REPLY_BYTES_MAX = 32 * 1024
_NAME = "localhost"  # else both libraries look our own name up, which may take long
_READY = 220


class _Calls:
    runtime: ClassVar[Runtime]

    def __init__(self, settings: Smtp) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None

    async def _trusted(self) -> ssl.SSLContext | None:
        """What TLS stands on; made once, when it is needed."""
        if self._context is None and self._settings.server.security is not Security.NONE:
            trust = Trust(authorities=self._settings.authorities)
            self._context = await self.runtime.work(partial(context_of, trust, alpn=()))
        return self._context

    def _until(self) -> float:
        return monotonic() + remaining(self._settings.timeout)


@final
class AsyncSmtp(_Calls):
    """For event loops.

    Raises:
        ConfigurationError: `aiosmtplib` is not installed.
    """

    runtime = AsyncRuntime()

    def __init__(self, settings: Smtp) -> None:
        super().__init__(settings)
        try:
            self._library = import_module("aiosmtplib")
        except ImportError:
            raise ConfigurationError(
                "provider", "smtp needs aiosmtplib", fix="pip install 'hardpoint[smtp]'"
            ) from None

    async def line(self) -> SmtpLine:
        """One that is not open yet."""
        return _AsyncLine(self._library, self._settings, await self._trusted(), self._until())


@final
class BlockingSmtp(_Calls):
    """For blocking callers."""

    runtime = BlockingRuntime()

    async def line(self) -> SmtpLine:
        """One that is not open yet."""
        return _BlockingLine(self._settings, await self._trusted(), self._until())


@final
class _AsyncLine:
    def __init__(
        self, library: Any, settings: Smtp, context: ssl.SSLContext | None, until: float
    ) -> None:
        server = settings.server
        self._host = server.host
        self._context = context
        self._until = until
        self._broken = (OSError, library.SMTPException)
        self._refused = library.SMTPResponseException
        self._client = library.SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=_NAME,
            use_tls=server.security is Security.TLS,
            start_tls=False,
            tls_context=context,
        )

    async def open(self) -> SmtpReply:
        seconds = min(self._left(), CONNECT_SECONDS)
        return await self._replied(self._client.connect(timeout=seconds))

    def here(self) -> str:
        try:
            return _literal(self._client.get_transport_info("sockname")[0])
        except self._broken as error:
            raise _lost(error) from error

    async def command(self, text: str) -> SmtpReply:
        said = self._client.execute_command(text.encode("ascii"), timeout=self._left())
        return await self._replied(said)

    async def secure(self) -> SmtpReply:
        wire = self._wire()
        return await self._replied(
            # It forgets what was said in the clear: nobody knows by whom (RFC 3207, 6).
            wire.start_tls(self._context, server_hostname=self._host, timeout=self._left())
        )

    async def send(self, message: bytes) -> SmtpReply:
        wire = self._wire()
        try:
            wire.write(dotted(message))
        except self._broken as error:
            raise _lost(error) from error
        return await self._replied(wire.read_response(timeout=self._left()))

    async def close(self, *, orderly: bool) -> None:
        try:
            if orderly:
                with suppress(*self._broken):
                    await self._client.execute_command(b"QUIT", timeout=GOODBYE_SECONDS)
        finally:
            if self._client.transport is not None:
                self._client.transport.abort()  # what was not sent is not to be sent later
            self._client.close()

    def _wire(self) -> Any:
        if self._client.protocol is None:
            raise LineLostError("the server hung up")
        return self._client.protocol

    def _left(self) -> float:
        left = self._until - monotonic()
        if left <= 0:
            raise LineLostError("no reply in time")
        return left

    async def _replied(self, reply: Awaitable[Any]) -> SmtpReply:
        try:
            return SmtpReply(*await reply)
        except self._refused as error:
            return SmtpReply(error.code, error.message)
        except self._broken as error:
            raise _lost(error) from error


@final
class _BlockingLine:
    def __init__(self, settings: Smtp, context: ssl.SSLContext | None, until: float) -> None:
        self._session = _Session(settings, context, until)

    async def open(self) -> SmtpReply:
        return self._replied(self._session.reach)

    def here(self) -> str:
        return _literal(self._session.wire.getsockname()[0])

    async def command(self, text: str) -> SmtpReply:
        return self._replied(lambda: self._session.docmd(text))

    async def secure(self) -> SmtpReply:
        return self._replied(self._session.secure)

    async def send(self, message: bytes) -> SmtpReply:
        def sent() -> tuple[int, bytes]:
            self._session.send(dotted(message))
            return self._session.getreply()

        return self._replied(sent)

    async def close(self, *, orderly: bool) -> None:
        try:
            if orderly:
                with suppress(OSError, smtplib.SMTPException):
                    self._session.goodbye()
        finally:
            self._session.close()

    def _replied(self, ask: Callable[[], tuple[int, bytes]]) -> SmtpReply:
        try:
            code, text = ask()
        except (OSError, smtplib.SMTPException) as error:
            raise _lost(error) from error
        return SmtpReply(code, text.decode("utf-8", "replace"))


@final
class _Session(smtplib.SMTP):
    """`smtplib`, whose replies come in time and are of bounded length."""

    wire: socket.socket

    def __init__(self, settings: Smtp, context: ssl.SSLContext | None, until: float) -> None:
        super().__init__(local_hostname=_NAME)
        self._server = settings.server
        self._context = context
        self._until = until
        self._buffer = bytearray()

    def reach(self) -> tuple[int, bytes]:
        """Connect; the server's greeting."""
        from hardpoint.http.wire.connecting import connected  # for blocking callers alone
        from hardpoint.http.wire.names import look_up_blocking

        server = self._server
        until = min(self._until, monotonic() + CONNECT_SECONDS)
        found = look_up_blocking(server.host, server.port, until - monotonic())
        self._take(connected(found, until))
        if server.security is Security.TLS:
            self._wrap()
        return self.getreply()

    def secure(self) -> tuple[int, bytes]:
        reply = self.docmd("STARTTLS")
        if reply[0] == _READY:
            self._buffer.clear()  # said in the clear: nobody knows by whom (RFC 3207, 6)
            self._wrap()
        return reply

    def goodbye(self) -> None:
        self._until = min(self._until, monotonic() + GOODBYE_SECONDS)
        self.docmd("QUIT")

    def send(self, s: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self._left())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """One reply of any number of lines; `smtplib` would wait for each byte anew."""
        lines: list[bytes] = []
        while True:
            line = self._line()
            if not (line[:3].isdigit() and line[3:4] in {b"", b" ", b"-"}):
                raise smtplib.SMTPServerDisconnected("no reply, but something else")
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)
            if sum(map(len, lines)) > REPLY_BYTES_MAX:
                raise smtplib.SMTPServerDisconnected("no end of a reply")

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self.wire.settimeout(self._left())
            got = self.wire.recv(4096)
            if not got or len(self._buffer) > REPLY_BYTES_MAX:
                raise smtplib.SMTPServerDisconnected("no whole reply")
            self._buffer += got
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    def _take(self, sock: socket.socket) -> None:
        self.sock = self.wire = sock

    def _wrap(self) -> None:
        self.wire.settimeout(self._left())
        assert self._context is not None  # noqa: S101 - made wherever TLS is asked for
        self._take(self._context.wrap_socket(self.wire, server_hostname=self._server.host))

    def _left(self) -> float:
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError("no reply in time")
        return left


def dotted(message: bytes) -> bytes:
    """A message as it follows DATA: dots doubled at the beginning of lines, and its end."""
    return message.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _literal(address: str) -> str:
    plain = address.partition("%")[0]
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain}]"


def _lost(error: BaseException) -> LineLostError:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return LineLostError("its certificate is not trusted", distrusted=True)
        seen = seen.__cause__ or seen.__context__
    return LineLostError(type(error).__name__)
