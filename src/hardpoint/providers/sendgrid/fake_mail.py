"""What SendGrid checks of an email before it takes it, without HTTP.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors, read 2026-11-28.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hardpoint.fakes.fields import Fields

INVALID = "invalid@fake.example"
"""The recipient that the whole request is refused for."""

_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")
_RECIPIENTS_MAX = 1000
_ARGUMENTS_BYTES_MAX = 10_000
_CATEGORIES_MAX = 10
_RESERVED = frozenset(
    {
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "dkim-signature",
        "from",
        "received",
        "reply-to",
        "subject",
        "to",
        "x-sg-eid",
        "x-sg-id",
    }
)
_WITHOUT_EFFECT = ("asm", "batch_id", "ip_pool_name", "send_at", "tracking_settings")
_BREAKS = re.compile(r"[\r\n]")
_TYPE_BREAKS = re.compile(r"[;\r\n]")


class MailRefusedError(Exception):
    """SendGrid says no."""

    def __init__(self, message: str, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.field = field
        self.status = status
        self.body = {"errors": [{"message": message, "field": field, "help": None}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An email that SendGrid takes."""

    from_: str
    recipients: tuple[str, ...]
    subject: str
    content: Mapping[str, str]
    attachments: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    custom_args: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict[str, Mapping[str, str]]
    )
    """By recipient: those of all, and those of the recipient's own group over them."""
    categories: tuple[str, ...] = ()
    sandbox: bool = False


def mail(document: Any, domains: Collection[str]) -> Mail:
    """Read a request's body.

    Args:
        document: decoded.
        domains: those the account has authenticated.

    Raises:
        RefusedError: what SendGrid would not take, or this fake does not know.
    """
    if not isinstance(document, dict):
        raise MailRefusedError("Bad Request")
    fields = Fields(cast("dict[str, Any]", document))
    arguments = _arguments(fields.take("custom_args"), "custom_args")
    found = {
        email: {**arguments, **own} for email, own in _recipients(fields.take("personalizations"))
    }
    from_ = _email(fields.take("from"), "from")
    if from_.partition("@")[2] not in domains:
        raise MailRefusedError(
            "The from address does not match a verified Sender Identity.", "from", 403
        )
    subject = fields.take("subject")
    if not isinstance(subject, str) or not subject:
        raise MailRefusedError("The subject is required.", "subject")
    content = _content(fields.take("content"))
    _check_replies(fields)
    for name in _WITHOUT_EFFECT:
        fields.take(name)
    taken = Mail(
        from_=from_,
        recipients=tuple(found),
        subject=subject,
        content=content,
        attachments=tuple(_attachments(fields.take("attachments"))),
        headers=_headers(fields.take("headers")),
        custom_args=found,
        categories=_categories(fields.take("categories")),
        sandbox=_sandbox(fields.take("mail_settings")),
    )
    _finish(fields, "")
    return taken


def _recipients(found: Any) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each, with the custom arguments of its group."""
    if not isinstance(found, list) or not found:
        raise MailRefusedError("You must have at least one personalization.", "personalizations")
    seen: set[str] = set()
    for number, one in enumerate(cast("list[Any]", found)):
        path = f"personalizations.{number}"
        fields = Fields(_object(one, path))
        groups = {name: fields.take(name) for name in ("to", "cc", "bcc")}
        arguments = _arguments(fields.take("custom_args"), f"{path}.custom_args")
        _finish(fields, f"{path}.")
        if not groups["to"]:
            raise MailRefusedError("The to array is required.", f"{path}.to")
        for name, group in groups.items():
            for place, who in enumerate(group or []):
                email = _email(who, f"{path}.{name}.{place}")
                if email.casefold() in seen:
                    raise MailRefusedError(
                        "Each email address in the personalization block should be unique between"
                        f" to, cc, and bcc. We found the first duplicate instance of [{email}]"
                        f" in the {path}.{name} field.",
                        path,
                    )
                seen.add(email.casefold())
                yield email, arguments
    if len(seen) > _RECIPIENTS_MAX:
        raise MailRefusedError("There is a limit of 1000 total recipients.", "personalizations")


def _email(found: Any, path: str) -> str:
    fields = Fields(_object(found, path))
    email, name = fields.take("email"), fields.take("name")
    _finish(fields, f"{path}.")
    if not isinstance(email, str) or not _EMAIL.fullmatch(email) or email == INVALID:
        raise MailRefusedError("Does not contain a valid address.", f"{path}.email")
    if name is not None and (not isinstance(name, str) or _BREAKS.search(name)):
        raise MailRefusedError("The name cannot contain CRLF characters.", f"{path}.name")
    return email


def _check_replies(fields: Fields) -> None:
    one, several = fields.take("reply_to"), fields.take("reply_to_list")
    if one is not None and several is not None:
        raise MailRefusedError("reply_to is mutually exclusive with reply_to_list.", "reply_to")
    if one is not None:
        _email(one, "reply_to")
    for place, who in enumerate(several or []):
        _email(who, f"reply_to_list.{place}")


def _content(found: Any) -> dict[str, str]:
    if not isinstance(found, list) or not found:
        raise MailRefusedError("The content param is required.", "content")
    content: dict[str, str] = {}
    for place, one in enumerate(cast("list[Any]", found)):
        path = f"content.{place}"
        fields = Fields(_object(one, path))
        kind, value = fields.take("type"), fields.take("value")
        _finish(fields, f"{path}.")
        if not isinstance(kind, str) or not kind or _TYPE_BREAKS.search(kind):
            raise MailRefusedError("Cannot contain ';', or CRLF characters.", f"{path}.type")
        if not isinstance(value, str) or not value:
            raise MailRefusedError("The content value must be a string.", f"{path}.value")
        if kind == "text/plain" and content:
            raise MailRefusedError("text/plain needs to be first.", f"{path}.value")
        content[kind] = value
    return content


def _attachments(found: Any) -> Iterator[str]:
    for place, one in enumerate(found or []):
        path = f"attachments.{place}"
        fields = Fields(_object(one, path))
        content, name = fields.take("content"), fields.take("filename")
        kind, disposition = fields.take("type"), fields.take("disposition")
        content_id = fields.take("content_id")
        _finish(fields, f"{path}.")
        if not _base64(content):
            raise MailRefusedError(
                "The attachment content must be base64 encoded.", f"{path}.content"
            )
        if not isinstance(name, str) or _BREAKS.search(name):
            raise MailRefusedError(
                "The filename cannot contain CRLF characters.", f"{path}.filename"
            )
        if kind is not None and (not kind or _TYPE_BREAKS.search(kind)):
            raise MailRefusedError("The type cannot contain ';', or CRLF.", f"{path}.type")
        if disposition not in {None, "attachment", "inline"}:
            raise MailRefusedError(
                "The disposition can be inline or attachment.", f"{path}.disposition"
            )
        if content_id is not None and _BREAKS.search(content_id):
            raise MailRefusedError("The content ID cannot contain CRLF.", f"{path}.content_id")
        yield name


def _headers(found: Any) -> dict[str, str]:
    headers = _texts(found, "headers", "The header values must be strings.")
    for name in headers:
        if name.lower() in _RESERVED or not name.isascii() or " " in name:
            raise MailRefusedError("Header can not be one of the reserved keys.", "headers")
    return headers


def _arguments(found: Any, path: str) -> dict[str, str]:
    arguments = _texts(found, path, "The custom_args values must be strings.")
    if sum(len((name + value).encode()) for name, value in arguments.items()) >= (
        _ARGUMENTS_BYTES_MAX
    ):
        raise MailRefusedError("The total length of custom arguments is limited.", path)
    return arguments


def _categories(found: Any) -> tuple[str, ...]:
    categories = cast("list[str]", found or [])
    if len(categories) > _CATEGORIES_MAX:
        raise MailRefusedError("There is a limit of 10 categories for each email.", "categories")
    return tuple(categories)


def _sandbox(found: Any) -> bool:
    if found is None:
        return False
    path = "mail_settings.sandbox_mode"
    fields = Fields(_object(found, "mail_settings"))
    enable = _object(fields.take("sandbox_mode"), path).get("enable")
    _finish(fields, "mail_settings.")
    if not isinstance(enable, bool):
        raise MailRefusedError(
            "The sandbox mode enable param should be a boolean.", f"{path}.enable"
        )
    return enable


def _texts(found: Any, path: str, problem: str) -> dict[str, str]:
    texts = {} if found is None else _object(found, path)
    if not all(isinstance(one, str) for one in texts.values()):
        raise MailRefusedError(problem, path)
    return texts


def _object(found: Any, path: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise MailRefusedError("Bad Request", path)
    return cast("dict[str, Any]", found)


def _base64(content: Any) -> bool:
    try:
        return bool(b64decode(content, validate=True))
    except (binascii.Error, TypeError, ValueError):
        return False


def _finish(fields: Fields, path: str) -> None:
    if left := fields.left():
        raise MailRefusedError("This fake does not know the field.", f"{path}{left[0]}")
