"""One email handed over: what is said to a mail server, step by step, and what its replies mean.

RFC 5321; STARTTLS: RFC 3207; AUTH: RFC 4954; SIZE: RFC 1870; 8BITMIME: RFC 6152. Until the message
itself is sent nothing can have happened. From then on only a reply tells.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, final

from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    OutcomeUnknownError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.providers.smtp import MailServer, Security
from hardpoint.providers.smtp.errors import AT_SENDER, SmtpReply, malformed_address, refusal
from hardpoint.providers.smtp.line import LineLostError, SmtpCalls, SmtpLine

_DONE = range(200, 300)
_GO_ON = range(300, 400)
_TEMPORARY = range(400, 500)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MailEnvelope:
    """What is handed over.

    Attributes:
        sender: an address, in ASCII.
        recipients: likewise, each after the argument it was given as, `to[1]`.
        message: the message, where bytes above 127 may stand in it (True), or may not.
    """

    sender: str
    recipients: Sequence[tuple[str, str]]
    message: Callable[[bool], Awaitable[bytes]]


async def handed_over(
    calls: SmtpCalls, server: MailServer, envelope: MailEnvelope
) -> Sequence[SmtpReply]:
    """Hand an email over, once.

    Returns:
        The server's reply for each recipient; at least one was taken.

    Raises:
        ProviderError: nobody gets it; or, where the outcome is not known, somebody may.
    """
    line = await calls.line()
    orderly = False
    try:
        replies, message = await _announced(line, server, envelope)
        try:
            reply = await line.send(message)
        except LineLostError as lost:
            raise OutcomeUnknownError(f"the message was sent, and no reply came: {lost}") from lost
        orderly = True
        _check(reply, _DONE, sent=True)
    finally:
        await line.close(orderly=orderly)
    return replies


async def _announced(
    line: SmtpLine, server: MailServer, envelope: MailEnvelope
) -> tuple[Sequence[SmtpReply], bytes]:
    """All that goes before the message, and the message. Nothing of it has an effect."""
    try:
        features = await _opened(line, server)
        message = await envelope.message("8BITMIME" in features)
        replies = await _addressed(line, features, envelope, message)
        _check(await line.command("DATA"), _GO_ON)
    except LineLostError as lost:
        retryable = False if lost.distrusted else None
        raise UnavailableError(
            f"{server.host}:{server.port}: {lost}", retryable=retryable
        ) from lost
    return replies, message


async def _opened(line: SmtpLine, server: MailServer) -> Mapping[str, str]:
    """Connected, private, and logged in; what the server can do."""
    _check(await line.open(), _DONE)
    features = await _greeted(line)
    if server.security is Security.UPGRADED:
        if "STARTTLS" not in features:
            raise UnavailableError(
                f"{server.host} does not offer STARTTLS; nothing was sent", retryable=False
            )
        _check(await line.secure(), _DONE)
        features = await _greeted(line)  # what was said before does not count
    if server.user is not None and server.password is not None:
        await _logged_in(line, features, server.user, server.password.reveal())
    return features


async def _greeted(line: SmtpLine) -> Mapping[str, str]:
    reply = await line.command(f"EHLO {line.here()}")
    _check(reply, _DONE)
    words = (one.strip().partition(" ") for one in reply.text.splitlines()[1:])
    return {name.upper(): more.strip() for name, _, more in words}


async def _logged_in(line: SmtpLine, features: Mapping[str, str], user: str, password: str) -> None:
    known = features.get("AUTH", "").upper().split()
    plain = _base64(f"\0{user}\0{password}")
    secrets = (plain, _base64(password), password)
    if "PLAIN" in known:
        reply = await line.command(f"AUTH PLAIN {plain}")
    elif "LOGIN" in known:
        reply = await line.command("AUTH LOGIN")
        for one in (user, password):
            _check(reply, _GO_ON, secrets=secrets)
            reply = await line.command(_base64(one))
    else:
        raise AuthenticationError("the server takes neither AUTH PLAIN nor AUTH LOGIN")
    _check(reply, _DONE, secrets=secrets)


async def _addressed(
    line: SmtpLine, features: Mapping[str, str], envelope: MailEnvelope, message: bytes
) -> Sequence[SmtpReply]:
    size = features.get("SIZE", "")
    most = int(size) if size.isascii() and size.isdecimal() else 0
    if most and len(message) > most:
        raise InvalidRequestError(
            f"is larger than the {most} bytes that the server takes", field="message"
        )
    options = f" SIZE={len(message)}" if "SIZE" in features else ""
    options += "" if message.isascii() else " BODY=8BITMIME"
    reply = await line.command(f"MAIL FROM:<{envelope.sender}>{options}")
    _check(reply, _DONE, at=AT_SENDER)
    replies: list[SmtpReply] = []
    for recipient, field in envelope.recipients:
        reply = await line.command(f"RCPT TO:<{recipient}>")
        if malformed_address(reply) or reply.code == 421:
            raise refusal(reply, field=field)
        replies.append(reply)
    if not any(one.code in _DONE for one in replies):
        _refuse(replies, envelope)
    return replies


def _refuse(replies: Sequence[SmtpReply], envelope: MailEnvelope) -> NoReturn:
    """Nobody gets it; what may pass goes first, since another attempt may reach somebody."""
    fields = [field for _, field in envelope.recipients]
    reply, field = min(
        zip(replies, fields, strict=True), key=lambda pair: pair[0].code not in _TEMPORARY
    )
    raise refusal(reply, field=field)


def _check(
    reply: SmtpReply,
    wanted: range,
    *,
    at: str | None = None,
    sent: bool = False,
    secrets: Sequence[str] = (),
) -> None:
    if reply.code in wanted:
        return
    if 400 <= reply.code < 600:
        raise refusal(reply, at=at, secrets=secrets)
    raise UnexpectedResponseError(
        f"the mail server answered {reply.code}", status=reply.code, outcome_known=not sent
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
