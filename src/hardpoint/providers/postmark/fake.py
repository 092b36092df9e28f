"""Postmark as a fake: strict about fields, stateful, telling by webhooks that nobody signs.

Postmark has addresses for tests in a domain of its own, which behave so on its side. Here the
recipient says what becomes of an email:

    invalid@fake.example      the whole request is refused
    suppressed@fake.example   inactive: not sent to
    bounced@fake.example      a hard bounce
    complained@fake.example   delivered, and called spam

Everyone else gets it. Who bounces or complains is inactive from then on.
"""

import binascii
import re
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final, cast, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.fakes.fields import JsonFields, without_empty
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import Trigger, VendorFacts

SERVER_TOKEN = "00000000-aaaa-4bbb-8ccc-dddddddddddd"  # noqa: S105 - it opens nothing but this fake
SENDER = "Shop <orders@shop.example>"
"""Any address of `shop.example` may send."""
INVALID = "invalid@fake.example"
SUPPRESSED = "suppressed@fake.example"
TEMPLATE, TEMPLATE_ID = "welcome", 4711
"""The one template of the server, by its alias and its id."""
_COURSES: Final[Mapping[str, tuple[str, ...]]] = {
    "bounced@fake.example": ("HardBounce",),
    "complained@fake.example": ("Delivery", "SpamComplaint"),
}
TRIGGERS = (
    Trigger(field="To", value=INVALID, answer="422 300"),
    Trigger(field="To", value=SUPPRESSED, answer="422 406"),
    *(Trigger(field="To", value=to, answer=", ".join(course)) for to, course in _COURSES.items()),
)

_BYTES_MAX = 10_000_000
_BATCH_MAX = 500
_RECIPIENTS_MAX = 50
_ADDRESS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",<>]*)\s*<([^<>\s]+)>|([^,<>"\s]+)')
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")
_TEXT = re.compile(r"(?s).+")
_LINE = re.compile(r"[^\r\n]*")
_STREAM = re.compile("outbound|broadcast")
_WITHOUT_EFFECT = ("TrackOpens", "TrackLinks", "InlineCss")
_DELIVERED = "250 2.0.0 OK"
_INACTIVE = "but will not deliver to these inactive addresses: "


class PostmarkRefusedError(Exception):
    """Postmark says no."""

    def __init__(self, code: int, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.body = {"ErrorCode": code, "Message": message}


def _refusal(problem: str, field: str) -> Exception:
    return PostmarkRefusedError(300, f"Invalid '{field}': {problem}")


@final
class FakePostmark:
    """One server of an account.

    Args:
        server_token: opens it.
        delivers: bring each email to its recipients at once; else see `carry`.
        optional_fields: also say what Postmark may leave out of a webhook.
        now: Unix seconds.
    """

    name = "postmark"

    def __init__(
        self,
        server_token: str = SERVER_TOKEN,
        *,
        delivers: bool = True,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`email` for each that was taken, `refusal` for each that was not."""
        self.delivers = delivers
        self.facts = VendorFacts(
            settings={"server_token": server_token, "from_": SENDER}, triggers=TRIGGERS
        )
        self.told: list[bytes] = []
        """The bodies of its webhooks, oldest first."""
        self._server_token = server_token
        self._optional_fields = optional_fields
        self._now = now
        self._mails: dict[str, dict[str, Any]] = {}
        self._inactive = {SUPPRESSED}
        self._events = 0

    @property
    def mails(self) -> Mapping[str, Mapping[str, Any]]:
        """What was taken, by its id, oldest first."""
        return self._mails

    def answer(self, request: Received) -> FakeReply:
        """Take an email or a batch, or refuse it as Postmark does."""
        try:
            return FakeReply.json(self._taken(request))
        except PostmarkRefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            return FakeReply.json(refused.body, refused.status)

    def carry(self, identifier: str, to: str, *events: str, **facts: Any) -> None:
        """Something happens to one recipient's email.

        Args:
            identifier: of the email.
            to: which recipient.
            events: `Delivery`, `Open`, `Click`, `SpamComplaint`, `SubscriptionChange`, or the type
                of a bounce: `HardBounce`, `Transient`.
            facts: more of what they say.
        """
        for event in events:
            self._tell(identifier, to, event, facts)

    def receive(self, from_: str, subject: str, text: str, **facts: Any) -> bytes:
        """Someone writes to the server's inbound address; the body of the webhook."""
        named = _ADDRESS.fullmatch(from_)
        email = (named and (named[1] or named[2])) or from_
        self._events += 1
        told: dict[str, Any] = {
            "FromFull": {"Email": email, "Name": from_.partition(" <")[0].strip('"')},
            "ToFull": [{"Email": "orders@shop.example", "Name": ""}],
            "OriginalRecipient": "orders@shop.example",
            "Subject": subject,
            "MessageID": f"inbound-{self._events:06d}",
            "TextBody": text,
            "Headers": [{"Name": "Message-ID", "Value": f"<in-{self._events}@customer.example>"}],
            **facts,
        }
        if self._optional_fields:
            told = {"MessageStream": "inbound", "CcFull": [], "MailboxHash": "", "Tag": "", **told}
        self.told.append(msgspec.json.encode(told))
        return self.told[-1]

    def _taken(self, request: Received) -> Any:
        if request.headers.get("x-postmark-server-token") != self._server_token:
            raise PostmarkRefusedError(
                10, "No Account or Server API tokens were supplied or they are wrong.", 401
            )
        if request.method != "POST":
            raise PostmarkRefusedError(403, "Method Not Allowed", 405)
        if request.headers.get("content-type") != "application/json":
            raise PostmarkRefusedError(409, "JSON required", 415)
        if len(request.body) > _BYTES_MAX * _BATCH_MAX:
            raise PostmarkRefusedError(300, "The payload is too large.", 413)
        try:
            document = request.json()
        except UNREADABLE:
            raise PostmarkRefusedError(402, "Invalid JSON") from None
        match request.path:
            case "/email":
                return self._sent(document, templated=False)
            case "/email/withTemplate":
                return self._sent(document, templated=True)
            case "/email/batch":
                return self._batch(document, templated=False)
            case "/email/batchWithTemplates":
                fields = JsonFields(document, _refusal)
                emails = fields.take("Messages")
                fields.finish()
                return self._batch(emails, templated=True)
            case _:
                raise PostmarkRefusedError(403, "Not Found", 404)

    def _batch(self, emails: object, *, templated: bool) -> list[dict[str, Any]]:
        if not isinstance(emails, list):
            raise PostmarkRefusedError(403, "Incompatible JSON")
        emails = cast("list[Any]", emails)
        if len(emails) > _BATCH_MAX:
            raise PostmarkRefusedError(410, "Too many batch messages")
        answers: list[dict[str, Any]] = []
        for one in emails:
            try:
                answers.append(self._sent(one, templated=templated))
            except PostmarkRefusedError as refused:
                answers.append(refused.body)
        return answers

    def _sent(self, document: object, *, templated: bool) -> dict[str, Any]:
        mail = _read(JsonFields(document, _refusal), templated=templated)
        inactive = [to for to in mail["recipients"] if to.casefold() in self._inactive]
        if len(inactive) == len(mail["recipients"]):
            raise PostmarkRefusedError(
                406, f"You tried to send to recipients marked as inactive: {', '.join(inactive)}."
            )
        identifier = f"00000000-0000-4000-8000-{len(self._mails) + 1:012x}"
        self._mails[identifier] = mail
        self.ledger.record("email", id=identifier, recipients=mail["recipients"])
        reached = [to for to in mail["recipients"] if self.delivers and to not in inactive]
        for to in reached:
            self.carry(identifier, to, *_COURSES.get(to, ("Delivery",)))
        return {
            "To": ", ".join(mail["recipients"]),
            "SubmittedAt": self._time(),
            "MessageID": identifier,
            "ErrorCode": 0,
            "Message": f"Message OK, {_INACTIVE}{', '.join(inactive)}." if inactive else "OK",
        }

    def _tell(self, identifier: str, to: str, event: str, facts: Mapping[str, Any]) -> None:
        mail = self._mails[identifier]
        self._events += 1
        told: dict[str, Any] = {"MessageID": identifier, "Metadata": mail["metadata"]}
        match event:
            case "Delivery":
                told |= {"RecordType": event, "Recipient": to, "DeliveredAt": self._time()}
                told |= {"Details": _DELIVERED}
            case "Open" | "Click":
                told |= {"RecordType": event, "Recipient": to, "ReceivedAt": self._time()}
            case "SubscriptionChange":
                told |= {"RecordType": event, "Recipient": to, "ChangedAt": self._time()}
            case _:
                complained = event == "SpamComplaint"
                told |= {
                    "RecordType": event if complained else "Bounce",
                    "ID": 692_560_173 + self._events,
                    "Type": event,
                    "Email": to,
                    "BouncedAt": self._time(),
                    "Details": "550 5.1.1 no such user",
                }
                if event != "Transient":
                    self._inactive.add(to.casefold())
        if self._optional_fields:
            told |= {"ServerID": 23, "MessageStream": "outbound", "Tag": mail["tag"] or ""}
        self.told.append(msgspec.json.encode(without_empty({**told, **facts})))

    def _time(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S.0000000+00:00", time.gmtime(self._now()))


def _read(fields: JsonFields, *, templated: bool) -> dict[str, Any]:
    """An email as it is taken.

    Raises:
        PostmarkRefusedError: what Postmark would not take, or this fake does not know.
    """
    (from_,) = _addresses(fields, "From", most=1)
    if not from_.endswith("@shop.example"):
        raise PostmarkRefusedError(400, f"Sender '{from_}' is not a confirmed signature.")
    recipients = [
        one for name in ("To", "Cc", "Bcc") for one in _addresses(fields, name, most=None)
    ]
    if not 0 < len(recipients) <= _RECIPIENTS_MAX:
        raise PostmarkRefusedError(300, "1 to 50 recipients are allowed.")
    _addresses(fields, "ReplyTo", most=None)
    for name in _WITHOUT_EFFECT:
        fields.take(name)
    fields.text_or_none("MessageStream", "There is no such stream.", _STREAM)
    mail: dict[str, Any] = {
        "from": from_,
        "recipients": recipients,
        "subject": fields.text_or_none("Subject", "It has line breaks.", _LINE),
        "tag": fields.text_or_none("Tag", "It is no tag.", re.compile(r"[^\r\n]{1,1000}")),
        "metadata": _metadata(fields),
        "headers": {
            one.text("Name", "It is no name.", re.compile(r"[!-9;-~]+")): one.text(
                "Value", "It has line breaks.", _LINE
            )
            for one in fields.each("Headers")
        },
        "attachments": [_attachment(one) for one in fields.each("Attachments")],
    }
    if templated:
        if fields.take("TemplateAlias") != TEMPLATE and fields.take("TemplateId") != TEMPLATE_ID:
            raise PostmarkRefusedError(1101, "The 'TemplateAlias' is not one of this server.")
        mail["model"] = fields.inner("TemplateModel")._left
    else:
        for name in ("TextBody", "HtmlBody"):
            mail[name] = fields.text_or_none(name, "It is empty.", _TEXT)
        if mail["TextBody"] is None and mail["HtmlBody"] is None:
            raise PostmarkRefusedError(300, "Provide either email TextBody or HtmlBody or both.")
    fields.finish()
    return mail


def _addresses(fields: JsonFields, name: str, *, most: int | None) -> list[str]:
    text = fields.take(name) or ""
    found = [one[1] or one[2] for one in _ADDRESS.finditer(text)]
    bad = [one for one in found if not _EMAIL.fullmatch(one) or one == INVALID]
    if bad or (most is not None and len(found) != most):
        raise PostmarkRefusedError(300, f"Invalid '{name}' address: '{''.join(bad)}'.")
    return found


def _metadata(fields: JsonFields) -> dict[str, str]:
    metadata = fields.texts("Metadata", "The values have to be texts.")
    for name, value in metadata.items():
        if len(name) > 20 or len(value) > 80:
            raise fields.refusal("A name has at most 20 characters, a value 80.", "Metadata")
    return metadata


def _attachment(fields: JsonFields) -> str:
    try:
        content = b64decode(fields.take("Content"), validate=True)
    except (binascii.Error, TypeError, ValueError):
        content = b""
    if not content:
        raise PostmarkRefusedError(300, "Invalid 'Attachments': not in base64.")
    name = fields.text("Name", "It is no name.", re.compile(r"[^\r\n]+"))
    fields.text("ContentType", "It is no type.", re.compile(r"[^;\s]+/[^;\s]+"))
    fields.text_or_none("ContentID", "It is no id.", re.compile(r"cid:[^\s<>]+"))
    fields.finish()
    return name
