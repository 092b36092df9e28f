"""An email as bytes (RFC 5322, MIME).

Written here: Python's own generator folds long words of ASCII into encoded ones, which breaks
`List-Unsubscribe`, and takes seconds for a large file. No value can add a line: the port has
refused control characters, and `_checked` would again.
"""

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias
from urllib.parse import quote

from hardpoint.email.addresses import Address, quoted
from hardpoint.email.headers import checked_line
from hardpoint.email.invitations import Invitation
from hardpoint.email.types import Attachment, NewEmail

_Part: TypeAlias = Iterable[bytes]
_SPECIALS = frozenset('()<>[]:;@\\,."')
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_SHORT = 60
_LINE_BYTES_MAX = 998
"""RFC 5322, 2.1.1."""


def message_id(new: NewEmail, idempotency_key: str) -> str:
    """The same for each attempt at an email, and of no other; what stands before the `@`."""
    facts = (idempotency_key, new.subject, new.text or "", new.html or "")
    text = "\0".join((*facts, *(one.email for one in new.recipients)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def message(new: NewEmail, identifier: str, now: float, *, eight_bit: bool) -> bytes:
    """All of it, but for who gets a hidden copy.

    Args:
        new: what is sent.
        identifier: see `message_id`.
        now: Unix seconds.
        eight_bit: whether bytes above 127 may stand in it.
    """
    head = "".join(f"{one}\r\n" for one in _head(new, identifier, now))
    return b"".join((head.encode("ascii"), *_body(new, identifier, now, eight_bit=eight_bit)))


def _head(new: NewEmail, identifier: str, now: float) -> Iterator[str]:
    from email.utils import formatdate  # 10 ms, and a driver does without it until it sends

    domain = new.from_.email.rpartition("@")[2]
    yield _field("Date", formatdate(now))
    yield _field("Message-ID", f"<{identifier}@{domain}>")
    yield f"From: {_shown(new.from_)}"
    for name, group in (("To", new.to), ("Cc", new.cc), ("Reply-To", new.reply_to)):
        if group:
            # One to a line, as a line has 998 characters at most.
            yield f"{name}: " + ",\r\n ".join(map(_shown, group))
    yield "Subject: " + _text(new.subject, "Subject")
    for name, value in new.headers.items():
        yield _field(name, value)


def _body(new: NewEmail, identifier: str, now: float, *, eight_bit: bool) -> Iterator[bytes]:
    """All from the first MIME field on, by pieces."""
    texts = [
        _text_part(kind, text, eight_bit=eight_bit)
        for kind, text in (("plain", new.text), ("html", new.html))
        if text is not None
    ]
    if new.invitation is not None:
        texts.append(_calendar(new, new.invitation, now))
    inline = [_file(one) for one in new.attachments if one.content_id is not None]
    attached = [_file(one) for one in new.attachments if one.content_id is None]
    if inline:
        shown = len(texts) - (1 if new.invitation is None else 2)
        texts[shown] = _several("related", [texts[shown], *inline], f"{identifier}_r")
    body = texts[0] if len(texts) == 1 else _several("alternative", texts, f"{identifier}_a")
    if attached:
        body = _several("mixed", [body, *attached], f"{identifier}_m")
    yield b"MIME-Version: 1.0\r\n"
    yield from body


def _several(kind: str, parts: Sequence[_Part], boundary: str) -> _Part:
    """Parts in one. A boundary is a digest of what is sent, which cannot hold it."""
    yield f'Content-Type: multipart/{kind}; boundary="=_{boundary}"\r\n\r\n'.encode("ascii")
    for part in parts:
        yield f"--=_{boundary}\r\n".encode("ascii")
        yield from part
        yield b"\r\n"
    yield f"--=_{boundary}--\r\n".encode("ascii")


def _text_part(kind: str, text: str, *, eight_bit: bool) -> _Part:
    data = "\r\n".join(_LINE_ENDS.split(text)).encode()
    fits = max(map(len, data.split(b"\r\n"))) <= _LINE_BYTES_MAX
    yield f"Content-Type: text/{kind}; charset=utf-8\r\n".encode("ascii")
    if fits and (eight_bit or data.isascii()):
        encoding = "7bit" if data.isascii() else "8bit"
        yield f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode("ascii")
        yield data if data.endswith(b"\r\n") else data + b"\r\n"
    else:
        yield from _in_base64(data)


def _calendar(new: NewEmail, invitation: Invitation, now: float) -> _Part:
    """An invitation as RFC 6047 has it: calendars look for the method here."""
    method = invitation.method.value
    yield f"Content-Type: text/calendar; charset=utf-8; method={method}\r\n".encode("ascii")
    yield from _in_base64(invitation.calendar((*new.to, *new.cc), now).encode())


def _file(one: Attachment) -> _Part:
    yield f"Content-Type: {one.content_type}\r\n".encode("ascii")
    disposition = "attachment" if one.content_id is None else "inline"
    yield f"Content-Disposition: {disposition}{_file_name(one.name)}\r\n".encode("ascii")
    if one.content_id is not None:
        yield f"Content-ID: <{_checked(one.content_id)}>\r\n".encode("ascii")
    yield from _in_base64(one.content)


def _file_name(name: str) -> str:
    """As a parameter, in parts where it is long (RFC 2231, 3 and 4)."""
    if name.isascii() and len(name) <= _SHORT:
        return f';\r\n filename="{_checked(name)}"'
    encoded = quote(name, safe="")
    parts: list[str] = []
    while encoded:
        end = _SHORT
        while "%" in encoded[end - 2 : end] and end < len(encoded):  # no escape is cut
            end -= 1
        parts.append(encoded[:end])
        encoded = encoded[end:]
    parts[0] = f"utf-8''{parts[0]}"
    return "".join(f";\r\n filename*{number}*={part}" for number, part in enumerate(parts))


def _in_base64(data: bytes) -> _Part:
    yield b"Content-Transfer-Encoding: base64\r\n\r\n"
    encoded = b2a_base64(data, newline=False)
    yield b"\r\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
    yield b"\r\n"


def _shown(one: Address) -> str:
    email = _checked(one.email)
    if one.name is None:
        return email
    name = quoted(one.name, _SPECIALS) if one.name.isascii() else one.name
    return f"{_text(name, '')} <{email}>"


def _text(text: str, name: str) -> str:
    """Text of any script, in encoded words of 75 characters at most (RFC 2047)."""
    if _checked(text).isascii():
        return text
    from email.header import Header

    return Header(text, "utf-8", maxlinelen=75, header_name=name).encode(linesep="\r\n")


def _field(name: str, value: str) -> str:
    return f"{name}: {_checked(value)}"


def _checked(value: str) -> str:
    return checked_line(value, field="headers")
