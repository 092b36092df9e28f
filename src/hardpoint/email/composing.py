"""From what a caller gives to an email that may be sent: every check, and no I/O."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from hardpoint.core.arguments import PAIRS, TEXT, expect
from hardpoint.core.errors import InvalidRequestError
from hardpoint.email.addresses import Address, checked_address
from hardpoint.email.driver import EmailCapability, EmailDriver
from hardpoint.email.headers import checked_headers, checked_line
from hardpoint.email.invitations import Unsubscribe, check_invitation
from hardpoint.email.types import Attachment, EmailRecipient, NewEmail
from hardpoint.http.extras import text_pairs

SUBJECT_CHARACTERS_MAX = 900
FILE_NAME_CHARACTERS_MAX = 255

_TYPE = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.ASCII | re.IGNORECASE
)
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,128}", re.ASCII)
_NOT_IN_FILE_NAMES = frozenset('/\\"')  # a path; the end of the name in its header
_METADATA_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
TEMPLATE_CHARACTERS_MAX = 255
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\ud800-\udfff]")

_Item = TypeVar("_Item")
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


def subject_of(subject: str | None, template: str | None) -> str:
    """The subject; empty where the template has it."""
    if subject is None and template is None:
        raise InvalidRequestError("is missing", field="subject")
    return "" if subject is None else subject


def listed(given: Iterable[_Item], field: str, wanted: str) -> tuple[_Item, ...]:
    """A list's items; a text is none."""
    if isinstance(given, str):
        raise InvalidRequestError(f"is text, not {wanted}", field=field)
    expect(given, Iterable, field, wanted)
    return tuple(given)


def paired(given: Mapping[str, _Item], field: str) -> dict[str, _Item]:
    """A mapping as a dict."""
    expect(given, Mapping, field, PAIRS)
    return dict(given)


def with_unsubscribe(headers: Mapping[str, str], way: Unsubscribe | None) -> dict[str, str]:
    """The caller's headers, and those by which people unsubscribe."""
    expect(headers, Mapping, "headers", PAIRS)
    if way is None:
        return dict(headers)
    expect(way, Unsubscribe, "unsubscribe", "Unsubscribe(...)")
    own = way.headers()
    for name in headers:
        if str(name).lower() in {one.lower() for one in own}:
            raise InvalidRequestError("stands in unsubscribe too", field=f"headers[{name!r:.50}]")
    return {**headers, **own}


def moment(given: datetime | None, now: float, driver: EmailDriver) -> int | None:
    """When it is to be sent, in Unix seconds."""
    if given is None:
        return None
    expect(given, datetime, "send_at", "a datetime with a time zone")
    if given.tzinfo is None:
        raise InvalidRequestError("has no time zone", field="send_at")
    driver.capabilities.require(EmailCapability.SCHEDULED, driver.provider)
    seconds, most = given.timestamp(), driver.capabilities.limits["schedule_seconds"]
    if not now <= seconds <= now + most:
        raise InvalidRequestError(f"is not within {most} seconds from now", field="send_at")
    return int(seconds)


def batch_of(given: Sequence[EmailRecipient]) -> tuple[EmailRecipient, ...]:
    """The recipients of a batch, each checked."""
    expect(given, Iterable, "recipients", "a list of EmailRecipient")
    found: list[EmailRecipient] = []
    for index, one in enumerate(given):
        field = f"recipients[{index}]"
        expect(one, EmailRecipient, field, "EmailRecipient(...)")
        for name in ("variables", "metadata"):
            expect(getattr(one, name), Mapping, f"{field}.{name}", PAIRS)
        address = checked_address(one.to, field=f"{field}.to")
        found.append(msgspec.structs.replace(one, to=address))
    return tuple(found)


def check(new: NewEmail, driver: EmailDriver) -> None:
    """Refuse what cannot be sent, or not by this provider.

    Raises:
        InvalidRequestError: naming the field; nothing was sent.
        UnsupportedError: the provider cannot do that; nothing was sent.
    """
    limits = driver.capabilities.limits
    for index, one in enumerate(new.attachments):
        expect(one, Attachment, f"attachments[{index}]", "Attachment(...)")
    if new.batch:
        _check_batch(new, driver)
    else:
        _check_recipients(new, limits["recipients"])
    _check_words(new)
    for capability, used in _used(new).items():
        if used:
            driver.capabilities.require(capability, driver.provider)
    _check_attachments(new, limits["attachments"])
    checked_headers(new.headers)
    check_metadata(new, driver)
    if new.tags:
        _check_tags(new.tags, limits["tags"])
    if new.invitation is not None:
        check_invitation(new.invitation)
    if message_bytes(new) > limits["message_bytes"]:
        raise InvalidRequestError(
            f"is larger than {limits['message_bytes']} bytes, all parts together", field="message"
        )


def check_metadata(new: NewEmail, driver: EmailDriver) -> None:
    """Refuse metadata that cannot go along, or are too much beside the call's key.

    Raises:
        InvalidRequestError: naming the field; nothing was sent.
    """
    given = [("metadata", new.metadata)]
    given += [(f"recipients[{at}].metadata", one.metadata) for at, one in enumerate(new.batch)]
    for where, pairs in given:
        _check_pairs(where, {**new.metadata, **pairs} if new.metadata else pairs, new.key, driver)


def _check_pairs(where: str, pairs: Mapping[str, str], key: str, driver: EmailDriver) -> None:
    for name, value, field in text_pairs(pairs, field=where):
        if not _METADATA_NAME.fullmatch(name):
            raise InvalidRequestError("is not a usable name", field=field)
        if _UNSENDABLE.search(value):
            raise InvalidRequestError("holds a character that cannot be sent", field=field)
    most = driver.capabilities.limits["metadata_bytes"]
    if pairs and len(msgspec.json.encode({**pairs, "": key})) > most:
        raise InvalidRequestError(f"is larger than {most} bytes", field=where)


def message_bytes(new: NewEmail) -> int:
    """About how large it is on its way: files take four bytes for three (RFC 4648)."""
    texts = [new.subject, new.text or "", new.html or ""]
    if new.variables or new.batch:
        filled = [new.variables, *(one.variables for one in new.batch)]
        texts += [msgspec.json.encode(one).decode() for one in filled]
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
        EmailCapability.METADATA: bool(new.metadata) or any(one.metadata for one in new.batch),
        EmailCapability.SEVERAL_REPLY_TO: len(new.reply_to) > 1,
        EmailCapability.TEMPLATES: new.template is not None,
        EmailCapability.TAGS: bool(new.tags),
        EmailCapability.INVITATIONS: new.invitation is not None,
    }


def _check_words(new: NewEmail) -> None:
    """Texts of its own, or a template and what it shows."""
    if new.template is None:
        checked_line(new.subject, field="subject", most=SUBJECT_CHARACTERS_MAX)
        if new.text is None and new.html is None:
            raise InvalidRequestError("is missing, and so is html", field="text")
        if new.variables or any(one.variables for one in new.batch):
            raise InvalidRequestError("are for a template, and there is none", field="variables")
    else:
        checked_line(new.template, field="template", most=TEMPLATE_CHARACTERS_MAX)
        for field in ("text", "html"):
            if getattr(new, field) is not None:
                raise InvalidRequestError("stands in the template", field=field)
        if new.subject:
            checked_line(new.subject, field="subject", most=SUBJECT_CHARACTERS_MAX)
    _check_body("text", new.text)
    _check_body("html", new.html)
    for index, variables in enumerate((new.variables, *(one.variables for one in new.batch))):
        field = f"recipients[{index - 1}].variables" if index else "variables"
        try:
            msgspec.json.encode(variables)
        except (TypeError, ValueError, RecursionError):
            raise InvalidRequestError("cannot be written as JSON", field=field) from None


def _check_batch(new: NewEmail, driver: EmailDriver) -> None:
    driver.capabilities.require(EmailCapability.BATCH, driver.provider)
    most = driver.capabilities.limits["batch_recipients"]
    if len(new.batch) > most:
        raise InvalidRequestError(f"is more than {most}", field="recipients")
    _refuse_repeats(new.recipients, set(), "recipients")
    _refuse_repeats(new.reply_to, set(), "reply_to")


def _check_tags(tags: Sequence[str], most: int) -> None:
    if len(tags) > most:
        raise InvalidRequestError(f"is more than {most}", field="tags")
    for index, one in enumerate(tags):
        if not isinstance(one, str) or not _TAG.fullmatch(one):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
            raise InvalidRequestError("is not a usable word", field=f"tags[{index}]")
        if one in tags[:index]:
            raise InvalidRequestError("stands twice", field=f"tags[{index}]")


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
