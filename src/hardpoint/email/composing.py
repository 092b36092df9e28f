"""From what a caller gives to an email that may be sent: every check, and no I/O."""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hardpoint.core.arguments import TEXT, expect
from hardpoint.core.errors import InvalidRequestError
from hardpoint.email.addresses import Address, checked_address
from hardpoint.email.driver import EmailCapability, EmailDriver
from hardpoint.email.headers import checked_headers, checked_line
from hardpoint.email.types import Attachment, NewEmail
from hardpoint.http.extras import text_pairs

SUBJECT_CHARACTERS_MAX = 900
FILE_NAME_CHARACTERS_MAX = 255

_TYPE = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.ASCII | re.IGNORECASE
)
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,128}", re.ASCII)
_NOT_IN_FILE_NAMES = frozenset('/\\"')  # a path; the end of the name in its header
_METADATA_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\ud800-\udfff]")

Addressed = str | Address
Several = Addressed | Sequence[Addressed]


def sender(driver: EmailDriver, from_: Addressed | None) -> Address:
    """Who it is from: the caller's, else the connection's own."""
    if from_ is not None:
        return checked_address(from_, field="from_")
    if driver.sender is None:
        raise InvalidRequestError("is missing, and the connection has no sender", field="from_")
    return driver.sender


def addresses(given: Several, *, field: str) -> tuple[Address, ...]:
    """One address, or several."""
    if isinstance(given, str | Address):
        return (checked_address(given, field=field),)
    expect(given, Iterable, field, "an address, or a list of them")
    return tuple(checked_address(one, field=f"{field}[{index}]") for index, one in enumerate(given))


def check(new: NewEmail, driver: EmailDriver) -> None:
    """Refuse what cannot be sent, or not by this provider.

    Raises:
        InvalidRequestError: naming the field; nothing was sent.
        UnsupportedError: the provider cannot do that; nothing was sent.
    """
    limits = driver.capabilities.limits
    for index, one in enumerate(new.attachments):
        expect(one, Attachment, f"attachments[{index}]", "Attachment(...)")
    _check_recipients(new, limits["recipients"])
    checked_line(new.subject, field="subject", most=SUBJECT_CHARACTERS_MAX)
    _check_body("text", new.text)
    _check_body("html", new.html)
    if new.text is None and new.html is None:
        raise InvalidRequestError("is missing, and so is html", field="text")
    for capability, used in _used(new).items():
        if used:
            driver.capabilities.require(capability, driver.provider)
    _check_attachments(new, limits["attachments"])
    checked_headers(new.headers)
    check_metadata(new, driver)
    if message_bytes(new) > limits["message_bytes"]:
        raise InvalidRequestError(
            f"is larger than {limits['message_bytes']} bytes, all parts together", field="message"
        )


def check_metadata(new: NewEmail, driver: EmailDriver) -> None:
    """Refuse metadata that cannot go along, or are too much beside the call's key.

    Raises:
        InvalidRequestError: naming the field; nothing was sent.
    """
    for name, value, field in text_pairs(new.metadata, field="metadata"):
        if not _METADATA_NAME.fullmatch(name):
            raise InvalidRequestError("is not a usable name", field=field)
        if _UNSENDABLE.search(value):
            raise InvalidRequestError("holds a character that cannot be sent", field=field)
    most = driver.capabilities.limits["metadata_bytes"]
    if new.metadata and len(msgspec.json.encode({**new.metadata, "": new.key})) > most:
        raise InvalidRequestError(f"is larger than {most} bytes", field="metadata")


def message_bytes(new: NewEmail) -> int:
    """About how large it is on its way: files take four bytes for three (RFC 4648)."""
    texts = [new.subject, new.text or "", new.html or ""]
    for mapping in (new.headers, new.metadata):
        texts += [text for pair in mapping.items() for text in pair]
    for one in (new.from_, *new.recipients, *new.reply_to):
        texts += [one.email, one.name or ""]
    files = sum(-(-len(one.content) // 3) * 4 + len(one.name.encode()) for one in new.attachments)
    return files + sum(len(text.encode()) for text in texts)


def _used(new: NewEmail) -> Mapping[EmailCapability, bool]:
    return {
        EmailCapability.ATTACHMENTS: bool(new.attachments),
        EmailCapability.INLINE: any(one.content_id is not None for one in new.attachments),
        EmailCapability.HEADERS: bool(new.headers),
        EmailCapability.METADATA: bool(new.metadata),
        EmailCapability.SEVERAL_REPLY_TO: len(new.reply_to) > 1,
    }


def _check_recipients(new: NewEmail, most: int) -> None:
    if not new.to:
        raise InvalidRequestError("is empty", field="to")
    if len(new.recipients) > most:
        raise InvalidRequestError(f"is more than {most}, cc and bcc included", field="to")
    seen: set[str] = set()
    for field, group in {"to": new.to, "cc": new.cc, "bcc": new.bcc}.items():
        _refuse_repeats(group, seen, field)
    _refuse_repeats(new.reply_to, set(), "reply_to")


def _refuse_repeats(group: Iterable[Address], seen: set[str], field: str) -> None:
    for index, one in enumerate(group):
        plain = one.email.casefold()
        if plain in seen:
            raise InvalidRequestError("stands twice", field=f"{field}[{index}]")
        seen.add(plain)


def _check_body(field: str, body: str | None) -> None:
    if body is None:
        return
    expect(body, str, field, TEXT)
    if not body.strip():
        raise InvalidRequestError("is empty", field=field)
    if _UNSENDABLE.search(body):
        raise InvalidRequestError("holds a character that cannot be sent", field=field)


def _check_attachments(new: NewEmail, most: int) -> None:
    if len(new.attachments) > most:
        raise InvalidRequestError(f"has more than {most} items", field="attachments")
    seen: set[str] = set()
    for index, one in enumerate(new.attachments):
        _check_attachment(one, f"attachments[{index}]")
        if one.content_id is None:
            continue
        field = f"attachments[{index}].content_id"
        if new.html is None:
            raise InvalidRequestError("is for html, and there is none", field=field)
        if one.content_id in seen:
            raise InvalidRequestError("stands twice", field=field)
        seen.add(one.content_id)


def _check_attachment(one: Attachment, field: str) -> None:
    name = checked_line(one.name, field=f"{field}.name", most=FILE_NAME_CHARACTERS_MAX)
    if not _NOT_IN_FILE_NAMES.isdisjoint(name):
        raise InvalidRequestError("holds a slash or a quotation mark", field=f"{field}.name")
    if not _TYPE.fullmatch(one.content_type):
        raise InvalidRequestError("is not type/subtype", field=f"{field}.content_type")
    if not one.content:
        raise InvalidRequestError("is empty", field=f"{field}.content")
    if one.content_id is not None and not _CONTENT_ID.fullmatch(one.content_id):
        raise InvalidRequestError("is not a usable id", field=f"{field}.content_id")
