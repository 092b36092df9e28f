"""A mail server as a fake: strict about order, line ends and sizes, and faulty where it is told.

    with FakeSmtp() as server:
        Smtp(url=Secret.value(server.url), authorities=server.authorities)
        server.faults.append(SmtpFault(at="accepted", does="drop"))

The recipient says what becomes of an email, as with `FakeSendGrid`'s neighbours:

    invalid@fake.example      is no address (553)
    unknown@fake.example      has no mailbox (550 5.1.1)
    suppressed@fake.example   is not sent to (550 5.7.0)
    full@fake.example         has a full mailbox (452 4.2.2)
"""

import base64
import binascii
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self, final

from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import Exchange
from hardpoint.fakes.vendors import Trigger, VendorFacts
from hardpoint.providers.smtp import Security
from hardpoint.providers.smtp.fake_certificates import certificates
from hardpoint.providers.smtp.fake_mail import TakenMail, flaw_of

USER, PASSWORD = "orders@shop.example", "p@ss w:rd/%"  # they open nothing but this fake
SENDER = "Shop <orders@shop.example>"
INVALID = "invalid@fake.example"
SUPPRESSED = "suppressed@fake.example"
REFUSED: Mapping[str, str] = {
    INVALID: "553 5.1.3 no address",
    "unknown@fake.example": "550 5.1.1 no such user",
    SUPPRESSED: "550 5.7.0 not sent to",
    "full@fake.example": "452 4.2.2 mailbox full",
}

_LINE_BYTES_MAX = 512
_SILENT_SECONDS = 30.0
_PATH = re.compile(r"<([^<>\s]+@[^<>\s]+)>((?: [A-Z0-9]+(?:=[!-~]+)?)*)", re.ASCII | re.IGNORECASE)


@final
@dataclass(kw_only=True)
class SmtpFault:
    """What goes wrong.

    Attributes:
        at: `connect`, a command (`EHLO`, `AUTH`, `RCPT`, ...), `message` when it has come, or
            `accepted` when it was taken and only the reply is left.
        does: `drop` the connection, `hang`, or say something else: `421 4.3.2 going down`.
        times: how often.
        first: called before it.
    """

    at: str
    does: str = ""
    times: int = 1
    first: Callable[[], object] | None = None


class _GoneError(Exception):
    """The connection ends."""


@final
class FakeSmtp:
    """One account; use it in a `with` block.

    Args:
        security: how it becomes private.
        name: of the server, as its certificate has it.
        features: what it can do beside TLS and AUTH.
        auth: the ways to log in.
        untrusted: show a certificate of nobody that the `authorities` name.
        port: 0 for any free one.
        heard: hears of each command and its reply, on the connection's thread.
    """

    name = "smtp"
    facts = VendorFacts(
        settings={"from_": SENDER},
        address="url",
        triggers=tuple(
            Trigger(field="to", value=address, answer=reply[:9].removesuffix(" "))
            for address, reply in REFUSED.items()
        ),
    )

    def __init__(
        self,
        security: Security = Security.NONE,
        *,
        name: str = "localhost",
        features: tuple[str, ...] = ("8BITMIME", "SIZE 1000000"),
        auth: str = "PLAIN LOGIN",
        untrusted: bool = False,
        port: int = 0,
        heard: Callable[[Exchange], object] | None = None,
    ) -> None:
        self.ledger = Ledger()
        """`email` for each that was taken."""
        self.mails: list[TakenMail] = []
        self.faults: list[SmtpFault] = []
        self.connections = 0
        self.commands: list[str] = []
        """What was said, without what is secret."""
        self.security = security
        self.features = features
        self.auth = auth
        self.port = port
        self._heard = heard
        self._name = name
        self._untrusted = untrusted
        self._open: set[socket.socket] = set()
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        """Where it is, with the account's credentials."""
        scheme = "smtps" if self.security is Security.TLS else "smtp"
        user, password = (_encoded(one) for one in (USER, PASSWORD))
        return f"{scheme}://{user}:{password}@{self._name}:{self.port}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._folder = TemporaryDirectory()
        self.authorities: Path | None = None
        self._context: ssl.SSLContext | None = None
        if self.security is not Security.NONE:
            self.authorities, chain = certificates(
                Path(self._folder.name), "elsewhere.example" if self._untrusted else "localhost"
            )
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(chain)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in tuple(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._folder.cleanup()

    def struck(self, at: str) -> str | None:
        """What is said instead at this step, if a fault is planned for it."""
        for fault in self.faults:
            if fault.at == at and fault.times:
                fault.times -= 1
                if fault.first is not None:
                    fault.first()
                if fault.does == "hang":
                    self._ended.wait(_SILENT_SECONDS)
                if fault.does in {"hang", "drop"}:
                    raise _GoneError
                return fault.does or None
        return None

    def tell(self, verb: str, rest: str, reply: str, *, faulty: bool) -> None:
        """Tell what was said, without what is secret, and what was answered."""
        if self._heard is not None:
            self._heard(
                Exchange(
                    method=verb,
                    path="" if verb == "AUTH" else rest,
                    status=int(reply[:3]) if reply[:3].isdecimal() else None,
                    fault=reply if faulty else None,
                )
            )

    def take(self, mail: TakenMail) -> None:
        """Keep an email."""
        self.mails.append(mail)
        head = mail.message.partition(b"\r\n\r\n")[0]
        parsed = message_from_bytes(head, policy=policy.default)
        self.ledger.record(
            "email",
            recipients=list(mail.recipients),
            subject=parsed["subject"],
            message_id=parsed["message-id"],
        )

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(_SILENT_SECONDS)
        self._open.add(sock)
        talk = _Talk(self, sock, self._context)
        try:
            talk.run()
        except (OSError, _GoneError):
            pass
        finally:
            self._open.discard(sock)
            talk.close()


@dataclass
class _Talk:
    """One connection."""

    server: FakeSmtp
    sock: socket.socket
    context: ssl.SSLContext | None
    buffer: bytearray = field(default_factory=bytearray)
    private: bool = False
    greeted: bool = False
    known: bool = False
    sender: str | None = None
    options: str = ""
    recipients: list[str] = field(default_factory=list[str])

    def run(self) -> None:
        if self.server.security is Security.TLS:
            self._wrap()
        self.say(self.server.struck("connect") or "220 fake.example ESMTP")
        while True:
            line = self._line()
            if not line.isascii() or len(line) > _LINE_BYTES_MAX:
                self.say("500 5.5.2 what is this")
                continue
            verb, _, rest = line.decode("ascii").partition(" ")
            verb = verb.upper()
            self.server.commands.append(verb if verb == "AUTH" else line.decode("ascii"))
            answer = _VERBS.get(verb)
            struck = said = self.server.struck(verb)
            if said is None:
                said = "502 5.5.1 not known" if answer is None else answer(self, rest)
            self.server.tell(verb, rest, said, faulty=struck is not None)
            if said:
                self.say(said)
            if verb == "QUIT":
                return

    def say(self, text: str) -> None:
        self.sock.sendall(f"{text}\r\n".encode())

    def close(self) -> None:
        self.sock.close()

    def ehlo(self, rest: str) -> str:
        if not re.fullmatch(r"\[(IPv6:)?[0-9a-f.:]+\]", rest):
            return "501 5.5.4 who are you"
        self.greeted = True
        features = list(self.server.features)
        if self.server.security is Security.UPGRADED and not self.private:
            features.append("STARTTLS")
        if self.server.auth and (self.private or self.server.security is Security.NONE):
            features.append(f"AUTH {self.server.auth}")
        lines = ["fake.example", *features]
        return "\r\n".join([*(f"250-{one}" for one in lines[:-1]), f"250 {lines[-1]}"])

    def starttls(self, _: str) -> str:
        if self.private or self.server.security is not Security.UPGRADED:
            return "503 5.5.1 not now"
        self.say("220 2.0.0 go on")
        self._wrap()
        self.greeted = False
        return ""

    def login(self, rest: str) -> str:
        kind, _, first = rest.partition(" ")
        if self.known or not self.greeted or kind not in self.server.auth.split():
            return "504 5.5.4 not so"
        try:
            if kind == "PLAIN":
                _, user, password = _decoded(first).split("\0")
            else:
                user, password = self._asked("Username:"), self._asked("Password:")
        except ValueError:
            return "501 5.5.2 not base64"
        if (user, password) != (USER, PASSWORD):
            return f"535 5.7.8 no: {first}"
        self.known = True
        return "235 2.7.0 welcome"

    def mail(self, rest: str) -> str:
        if not self.greeted or (self.server.auth and not self.known):
            return "530 5.7.0 log in first"
        found = _PATH.fullmatch(rest.removeprefix("FROM:"))
        if found is None or self.sender is not None:
            return "501 5.5.4 no sender"
        if not found[1].endswith("@shop.example"):
            return "550 5.7.1 not from you"
        self.sender, self.options, self.recipients = found[1], found[2], []
        return "250 2.1.0 ok"

    def rcpt(self, rest: str) -> str:
        found = _PATH.fullmatch(rest.removeprefix("TO:"))
        if self.sender is None or found is None or found[2]:
            return "503 5.5.1 not now"
        refused = REFUSED.get(found[1])
        if refused is None:
            self.recipients.append(found[1])
        return refused or "250 2.1.5 ok"

    def data(self, _: str) -> str:
        if not self.recipients or self.sender is None:
            return "503 5.5.1 nobody to send to"
        self.say("354 go on")
        message = self._message()
        if said := self.server.struck("message"):
            return said
        if problem := flaw_of(message, self.options):
            return f"554 5.6.0 {problem}"
        mail = TakenMail(
            sender=self.sender,
            recipients=tuple(self.recipients),
            message=message,
            options=self.options,
        )
        self.server.take(mail)
        self.sender = None
        return self.server.struck("accepted") or "250 2.0.0 taken"

    def _message(self) -> bytes:
        seen = 0
        while (end := self.buffer.find(b"\r\n.\r\n", max(seen - 4, 0))) < 0:
            seen = len(self.buffer)
            self._more()
        message = bytes(self.buffer[: end + 2])
        del self.buffer[: end + 5]
        return message.replace(b"\r\n..", b"\r\n.")

    def _asked(self, text: str) -> str:
        self.say(f"334 {base64.b64encode(text.encode()).decode()}")
        return _decoded(self._line().decode("ascii"))

    def _line(self) -> bytes:
        while (end := self.buffer.find(b"\n")) < 0:
            self._more()
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        return line[:-2] if line.endswith(b"\r\n") else b"\xff"  # a bare LF ends no line

    def _more(self) -> None:
        got = self.sock.recv(1 << 20)
        if not got:
            raise _GoneError
        self.buffer += got

    def _wrap(self) -> None:
        assert self.context is not None  # noqa: S101 - made for every server with TLS
        self.sock = self.context.wrap_socket(self.sock, server_side=True)
        self.private = True


_VERBS: Mapping[str, Callable[[_Talk, str], str]] = {
    "EHLO": _Talk.ehlo,
    "STARTTLS": _Talk.starttls,
    "AUTH": _Talk.login,
    "MAIL": _Talk.mail,
    "RCPT": _Talk.rcpt,
    "DATA": _Talk.data,
    "QUIT": lambda _, __: "221 2.0.0 bye",
}


def _encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except binascii.Error as error:
        raise ValueError(str(error)) from None
