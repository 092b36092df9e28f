"""What SendGrid checks of an email before it takes it, without HTTP.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors, read 2026-11-28.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardpoint.fakes.fields import JsonFields

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
_WITHOUT_EFFECT = ("asm", "batch_id", "ip_pool_name", "tracking_settings")
TEMPLATE = "d-0123456789abcdef0123456789abcdef"
"""The one dynamic template there is."""
_SOMETHING = re.compile(r"(?s).+")
_LINE = re.compile(r"[^\r\n]*")
_TYPE = re.compile(r"[^;\r\n]+")
_DISPOSITION = re.compile(r"attachment|inline")


class MailRefusedError(Exception):
    """SendGrid says no."""

    def __init__(self, message: str, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.field = field or None
        self.status = status
        self.body = {"errors": [{"message": message, "field": self.field, "help": None}]}


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
    template: str | None = None
    send_at: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the template shows, by recipient."""


def mail(document: Any, domains: Collection[str]) -> Mail:
    """Read a request's body.

    Args:
        document: decoded.
        domains: those the account has authenticated.

    Raises:
        RefusedError: what SendGrid would not take, or this fake does not know.
    """
    fields = JsonFields(document, MailRefusedError)
    arguments = _arguments(fields)
    data: dict[str, Any] = {}
    found = {email: {**arguments, **own} for email, own in _recipients(fields, data)}
    from_ = _email(fields.inner("from"))
    if from_.partition("@")[2] not in domains:
        raise MailRefusedError(
            "The from address does not match a verified Sender Identity.", "from", 403
        )
    _check_replies(fields)
    for name in _WITHOUT_EFFECT:
        fields.take(name)
    template = fields.take("template_id")
    if template not in {None, TEMPLATE}:
        raise fields.refusal("The template_id must be a valid GUID.", "template_id")
    taken = Mail(
        from_=from_,
        recipients=tuple(found),
        template=template,
        send_at=_time(fields),
        subject=(
            fields.text("subject", "The subject is required.", _SOMETHING)
            if template is None
            else fields.text_or_none("subject", "The subject is required.", _SOMETHING) or ""
        ),
        content=_content(fields, templated=template is not None),
        attachments=tuple(map(_attachment, fields.each("attachments"))),
        headers=_headers(fields),
        custom_args=found,
        data=data,
        categories=_categories(fields),
        sandbox=_sandbox(fields),
    )
    fields.finish()
    return taken


def _recipients(
    fields: JsonFields, data: dict[str, Any]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each, with the custom arguments of its group."""
    seen: set[str] = set()
    for group in fields.each("personalizations"):
        arguments = _arguments(group)
        shown = group.take("dynamic_template_data")
        found = {name: [*map(_email, group.each(name))] for name in ("to", "cc", "bcc")}
        group.finish()
        if not found["to"]:
            raise group.refusal("The to array is required.", "to")
        for name, email in ((name, one) for name, emails in found.items() for one in emails):
            if email.casefold() in seen:
                raise group.refusal(
                    "Each email address in the personalization block should be unique between"
                    f" to, cc, and bcc. We found the first duplicate instance of [{email}]"
                    f" in the {name} field."
                )
            seen.add(email.casefold())
            if shown is not None:
                data[email] = shown
            yield email, arguments
    if not seen:
        raise fields.refusal("You must have at least one personalization.", "personalizations")
    if len(seen) > _RECIPIENTS_MAX:
        raise fields.refusal("There is a limit of 1000 total recipients.", "personalizations")


def _email(fields: JsonFields) -> str:
    email = fields.text("email", "Does not contain a valid address.", _EMAIL)
    fields.text_or_none("name", "The name cannot contain CRLF characters.", _LINE)
    fields.finish()
    if email == INVALID:
        raise fields.refusal("Does not contain a valid address.", "email")
    return email


def _check_replies(fields: JsonFields) -> None:
    several = [*map(_email, fields.each("reply_to_list"))]
    one = fields.inner_or_none("reply_to")
    if one is not None and several:
        raise one.refusal("reply_to is mutually exclusive with reply_to_list.")
    if one is not None:
        _email(one)


def _time(fields: JsonFields) -> int | None:
    at = fields.take("send_at")
    if at is not None and not isinstance(at, int):
        raise fields.refusal("The send_at must be an integer.", "send_at")
    return at


def _content(fields: JsonFields, *, templated: bool) -> dict[str, str]:
    content: dict[str, str] = {}
    for one in fields.each("content"):
        kind = one.text("type", "Cannot contain ';', or CRLF characters.", _TYPE)
        value = one.text("value", "The content value must be a string.", _SOMETHING)
        one.finish()
        if kind == "text/plain" and content:
            raise one.refusal("text/plain needs to be first.", "value")
        content[kind] = value
    if not content and not templated:
        raise fields.refusal("The content param is required.", "content")
    return content


def _attachment(fields: JsonFields) -> str:
    if not _base64(fields.take("content")):
        raise fields.refusal("The attachment content must be base64 encoded.", "content")
    name = fields.text("filename", "The filename cannot contain CRLF characters.", _LINE)
    fields.text_or_none("type", "The type cannot contain ';', or CRLF.", _TYPE)
    problem = "The disposition can be inline or attachment."
    fields.text_or_none("disposition", problem, _DISPOSITION)
    fields.text_or_none("content_id", "The content ID cannot contain CRLF.", _LINE)
    fields.finish()
    return name


def _headers(fields: JsonFields) -> dict[str, str]:
    headers = fields.texts("headers", "The header values must be strings.")
    for name in headers:
        if name.lower() in _RESERVED or not name.isascii() or " " in name:
            raise fields.refusal("Header can not be one of the reserved keys.", "headers")
    return headers


def _arguments(fields: JsonFields) -> dict[str, str]:
    arguments = fields.texts("custom_args", "The custom_args values must be strings.")
    size = sum(len((name + value).encode()) for name, value in arguments.items())
    if size >= _ARGUMENTS_BYTES_MAX:
        raise fields.refusal("The total length of custom arguments is limited.", "custom_args")
    return arguments


def _categories(fields: JsonFields) -> tuple[str, ...]:
    categories: list[str] = fields.take("categories") or []
    if len(categories) > _CATEGORIES_MAX:
        raise fields.refusal("There is a limit of 10 categories for each email.", "categories")
    return tuple(categories)


def _sandbox(fields: JsonFields) -> bool:
    settings = fields.inner_or_none("mail_settings")
    if settings is None:
        return False
    mode = settings.inner("sandbox_mode")
    settings.finish()
    enable = mode.take("enable")
    if not isinstance(enable, bool):
        raise mode.refusal("The sandbox mode enable param should be a boolean.", "enable")
    return enable


def _base64(content: Any) -> bool:
    try:
        return bool(b64decode(content, validate=True))
    except (binascii.Error, TypeError, ValueError):
        return False
