"""A driver of email under test, and what it must refuse before any request is sent."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from hardpoint.email.addresses import Address
from hardpoint.email.api import EmailSender
from hardpoint.email.driver import EmailCapability, EmailDriver
from hardpoint.email.invitations import Invitation, Unsubscribe
from hardpoint.email.types import Attachment, DeliveryStatus, EmailRecipient
from hardpoint.sync.email import EmailSender as BlockingSender
from hardpoint.testing.conformance.modes import Mode, exercises
from hardpoint.testing.conformance.refusals import (
    PortRefusals,
    PortSubject,
    PortVerb,
    refused,
    unsupported,
)

TO = "ann.lee@customer.example"
OTHER = "Bob@customer.example"
FILE = Attachment(name="Rechnung März.pdf", content=b"%PDF-\0", content_type="application/pdf")
IMAGE = Attachment(name="logo.png", content=b"\x89PNG", content_type="image/png", content_id="logo")


INVITATION = Invitation(
    uid="order-7@shop.example",
    starts=datetime(2027, 3, 1, 9, 0, tzinfo=UTC),
    ends=datetime(2027, 3, 1, 10, 0, tzinfo=UTC),
    summary="Delivery; of order 7",
    organizer=Address(email="orders@shop.example", name="Shop"),
    location="Main St 1,\nGround floor",
)


def _send(**options: Any) -> PortVerb:
    asked = {"to": TO, "subject": "Your order", "text": "hello"} | options
    return lambda port: port.send(**asked)


def _batch(recipients: Any, **options: Any) -> PortVerb:
    asked = {"subject": "Your order", "text": "hello"} | options
    return lambda port: port.send_batch(recipients, **asked)


_REFUSED: dict[EmailCapability, PortVerb] = {
    EmailCapability.ATTACHMENTS: _send(attachments=[FILE]),
    EmailCapability.INLINE: _send(html='<img src="cid:logo">', attachments=[IMAGE]),
    EmailCapability.HEADERS: _send(headers={"X-Order": "1"}),
    EmailCapability.METADATA: _send(metadata={"order": "1"}),
    EmailCapability.SEVERAL_REPLY_TO: _send(reply_to=[TO, OTHER]),
    EmailCapability.EVENTS: lambda port: port.parse_events(b"[]"),
    EmailCapability.TEMPLATES: _send(template="t", text=None),
    EmailCapability.BATCH: _batch([EmailRecipient(to=TO)]),
    EmailCapability.TAGS: _send(tags=["orders"]),
    EmailCapability.SCHEDULED: _send(send_at=datetime.now(UTC) + timedelta(hours=1)),
    EmailCapability.INVITATIONS: _send(invitation=INVITATION),
    EmailCapability.INBOUND: lambda port: port.parse_received(b"{}"),
}
_NO_ADDRESS = (
    "",
    " ",
    "ann",
    "ann@",
    "@shop.example",
    "ann@shop",
    "ann@localhost",
    "ann@shop..example",
    "ann@-shop.example",
    "ann@shop_1.example",
    "ann@127.0.0.1",
    "ann@[127.0.0.1]",
    "a@nn@shop.example",
    ".ann@shop.example",
    "ann..lee@shop.example",
    '"ann lee"@shop.example',
    "ann lee@shop.example",
    "änn@shop.example",
    "ann@straße.example",
    "ann@shop.example\n",
    "ann@shop.example, bob@shop.example",
    "ann@shop.example\0",
    "ann@shop.exam\u202eple",
    "x" * 65 + "@shop.example",
    "ann@" + "x" * 64 + ".example",
    "ann@" + "x." * 130 + "example",
    "Ann <ann@shop.example",
    "Ann <<ann@shop.example>>",
    "Lee, Ann <ann@shop.example>",
    "Ann <ann@shop.example> <bob@shop.example>",
    "Ann\r\nBcc: bob@shop.example <ann@shop.example>",
    '"Ann\n" <ann@shop.example>',
)
_INJECTIONS = ("a\r\nBcc: eve@evil.example", "a\nb", "a\rb", "a\0b", "a\x1bb", "a\x7fb", "a\x85b")
_BAD: list[tuple[str, PortVerb]] = [
    *(("to", _send(to=one)) for one in _NO_ADDRESS),
    *(("to[1]", _send(to=[TO, one])) for one in _NO_ADDRESS),
    *(("from_", _send(from_=one)) for one in _NO_ADDRESS),
    *(("to", _send(to=Address(email=TO, name=one))) for one in _INJECTIONS),
    *(("subject", _send(subject=one)) for one in (*_INJECTIONS, "", " ", "\ud800", "x" * 901)),
    ("cc[0]", _send(cc=["ann"])),
    ("bcc", _send(bcc="ann")),
    ("reply_to", _send(reply_to="ann")),
    ("to", _send(to=[])),
    ("to[1]", _send(to=[TO, TO.upper()])),
    ("cc[0]", _send(cc=[TO])),
    ("bcc[1]", _send(cc=[OTHER], bcc=["eve@customer.example", OTHER.lower()])),
    ("text", _send(text=None)),
    *((field, _send(**{field: ""})) for field in ("text", "html")),
    *((field, _send(**{field: "a\0b"})) for field in ("text", "html")),
    *((field, _send(**{field: "a\ud800"})) for field in ("text", "html")),
    ("idempotency_key", _send(idempotency_key="")),
]
_BAD_HEADERS: list[dict[str, str]] = [
    *({name: "1"} for name in ("", " ", "X Order", "X:Order", "X-Örder", "X-A\r\nBcc", "x" * 77)),
    *({name: "1"} for name in ("To", "bcc", "FROM", "Sender", "Reply-To", "Subject", "Resent-To")),
    *({name: "1"} for name in ("Content-Type", "MIME-Version", "Received", "DKIM-Signature")),
    *({"X-Order": value} for value in (*_INJECTIONS, "", " ", "ü", "x" * 998)),
]
_BAD_ATTACHMENTS: list[tuple[str, dict[str, Any]]] = [
    *(("name", {"name": one}) for one in (*_INJECTIONS, "", "../x", "a\\b", 'a"; b="c', "x" * 256)),
    *(
        ("content_type", {"content_type": one})
        for one in ("", "pdf", "a/b; c=d", "text/html\r\nX: y", "a/b\n", "ü/x")
    ),
    ("content", {"content": b""}),
]
_BAD_CONTENT_IDS = (*_INJECTIONS, "", "a b", "<logo>", "ü", "x" * 129)
_BAD_METADATA: list[dict[Any, Any]] = [
    *({name: "1"} for name in ("", "a b", "ü", "x" * 65, "a\n")),
    *({"order": value} for value in ("\ud800", "a\0b", 17, None)),
]


_BAD_WORDS: list[tuple[str, PortVerb]] = [
    ("subject", lambda port: port.send(to=TO, text="hello")),
    ("variables", _send(variables={"name": "Ann"})),
    ("text", _send(template="t")),
    ("html", _send(template="t", text=None, html="<p>")),
    ("template", _send(template="a\nb", text=None)),
    ("variables", _send(template="t", text=None, variables={"name": object()})),
    ("send_at", _send(send_at=datetime(2027, 3, 1))),  # noqa: DTZ001 - the mistake
    ("tags", _send(tags="orders")),
    *(
        (field, _send(unsubscribe=Unsubscribe(**facts)))
        for field, facts in (
            ("unsubscribe", {}),
            ("unsubscribe.url", {"url": "http://shop.example/out"}),
            ("unsubscribe.url", {"url": "https://shop.example/a>,<https://evil.example"}),
            ("unsubscribe.url", {"url": "https://shop.example/\r\nBcc: a@b.example"}),
            ("unsubscribe.url", {"url": "https://[::1"}),
            ("unsubscribe.email", {"email": "a@b.example>\r\nX: y"}),
        )
    ),
    (
        "headers['list-unsubscribe']",
        _send(
            headers={"list-unsubscribe": "<https://a.example>"},
            unsubscribe=Unsubscribe(url="https://shop.example/out"),
        ),
    ),
]


class EmailSubject(PortSubject):
    """A driver under test, and the strings its provider hangs on.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport of that mode, with a sender of its own.
        requests: how many requests reached the provider.
        invalid: an address that passes our checks and not the provider's.
        suppressed: someone the provider does not send to.
        carry: an email, by the provider's id, gets so far on its way to a recipient.
        events: the webhook bodies since the last call, in order.
        template: the name of a template that shows `name`, for a driver that has them.
        received: the webhook body of an email that came in, for a driver that takes them: from
            `ann.lee@customer.example` to `orders@shop.example`, `Re: Your order`, `Thanks`.
    """

    def __init__(
        self,
        mode: Mode,
        driver: EmailDriver,
        *,
        requests: Callable[[], int],
        invalid: str,
        suppressed: str,
        carry: Callable[[str, str, Sequence[DeliveryStatus]], None],
        events: Callable[[], Sequence[bytes]],
        template: str = "",
        received: bytes = b"",
    ) -> None:
        super().__init__(mode, driver, EmailSender, BlockingSender, name="mail", requests=requests)
        self.invalid = invalid
        self.suppressed = suppressed
        self.carry = carry
        self.events = events
        self.template = template
        self.received = received

    def send(self, **options: Any) -> Any:
        """An email to someone who takes it."""
        return self.do(_send(**options)(self.port))

    def send_batch(self, recipients: Sequence[EmailRecipient], **options: Any) -> Any:
        """An email for each."""
        return self.do(_batch(recipients, **options)(self.port))


class EmailRefusals(PortRefusals):
    """What is refused before any request. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("capability", list(EmailCapability))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: EmailSubject, capability: EmailCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    @pytest.mark.parametrize(("field", "call"), _BAD)
    def test_bad_input_is_refused_before_any_request(
        self, subject: EmailSubject, field: str, call: PortVerb
    ) -> None:
        refused(subject, field, call)

    @exercises(EmailCapability.HEADERS)
    @pytest.mark.parametrize("headers", _BAD_HEADERS)
    def test_bad_headers_are_refused_before_any_request(
        self, subject: EmailSubject, headers: dict[str, str]
    ) -> None:
        (name,) = headers
        refused(subject, f"headers[{name!r:.50}]", _send(headers=headers))

    @exercises(EmailCapability.HEADERS)
    def test_a_header_stands_once_in_whatever_case(self, subject: EmailSubject) -> None:
        refused(subject, "headers['x-order']", _send(headers={"X-Order": "1", "x-order": "2"}))
        many = {f"X-Order-{number}": "1" for number in range(51)}
        refused(subject, "headers", _send(headers=many))

    @exercises(EmailCapability.ATTACHMENTS)
    @pytest.mark.parametrize(("field", "facts"), _BAD_ATTACHMENTS)
    def test_bad_attachments_are_refused_before_any_request(
        self, subject: EmailSubject, field: str, facts: dict[str, Any]
    ) -> None:
        good: dict[str, Any] = {"name": "a.txt", "content": b"a"}
        bad = Attachment(**good | facts)
        refused(subject, f"attachments[1].{field}", _send(attachments=[FILE, bad]))

    @exercises(EmailCapability.ATTACHMENTS, EmailCapability.INLINE)
    @pytest.mark.parametrize("content_id", _BAD_CONTENT_IDS)
    def test_bad_content_ids_are_refused_before_any_request(
        self, subject: EmailSubject, content_id: str
    ) -> None:
        bad = Attachment(name="a.png", content=b"a", content_id=content_id)
        call = _send(html="<p>", attachments=[IMAGE, bad])
        refused(subject, "attachments[1].content_id", call)

    @exercises(EmailCapability.ATTACHMENTS, EmailCapability.INLINE)
    def test_an_image_needs_html_and_an_id_of_its_own(self, subject: EmailSubject) -> None:
        refused(subject, "attachments[0].content_id", _send(attachments=[IMAGE]))
        twice = _send(html="<p>", attachments=[IMAGE, FILE, IMAGE])
        refused(subject, "attachments[2].content_id", twice)

    @exercises(EmailCapability.METADATA)
    @pytest.mark.parametrize("metadata", _BAD_METADATA)
    def test_bad_metadata_are_refused_before_any_request(
        self, subject: EmailSubject, metadata: dict[Any, Any]
    ) -> None:
        (name,) = metadata
        refused(subject, f"metadata[{name!r:.50}]", _send(metadata=metadata))

    @pytest.mark.parametrize(("field", "call"), _BAD_WORDS)
    def test_bad_words_for_templates_and_batches_are_refused_before_any_request(
        self, subject: EmailSubject, field: str, call: PortVerb
    ) -> None:
        refused(subject, field, call)

    @exercises(EmailCapability.TAGS)
    @pytest.mark.parametrize("tag", ["", "a b", "ü", "x" * 65, "a\n", 1])
    def test_bad_tags_are_refused_before_any_request(self, subject: EmailSubject, tag: Any) -> None:
        most = subject.driver.capabilities.limits["tags"]
        refused(subject, "tags[0]", _send(tags=[tag]))
        if most > 1:
            refused(subject, "tags[1]", _send(tags=["a", tag]))
            refused(subject, "tags[1]", _send(tags=["a", "a"]))
        refused(subject, "tags", _send(tags=[f"t{n}" for n in range(most + 1)]))

    @exercises(EmailCapability.SCHEDULED)
    def test_a_time_that_is_past_or_too_far_is_refused(self, subject: EmailSubject) -> None:
        most = subject.driver.capabilities.limits["schedule_seconds"]
        now = datetime.now(UTC)
        for at in (now - timedelta(seconds=60), now + timedelta(seconds=most + 60)):
            refused(subject, "send_at", _send(send_at=at))

    @exercises(EmailCapability.INVITATIONS)
    @pytest.mark.parametrize(
        ("field", "facts"),
        [
            ("uid", {"uid": ""}),
            ("summary", {"summary": "a\nb"}),
            ("starts", {"starts": datetime(2027, 3, 1, 9, 0)}),  # noqa: DTZ001 - the mistake
            ("ends", {"ends": datetime(2027, 3, 1, 8, 0, tzinfo=UTC)}),
            ("location", {"location": "a\rb"}),
            ("description", {"description": "x" * 4001}),
        ],
    )
    def test_a_bad_invitation_is_refused_before_any_request(
        self, subject: EmailSubject, field: str, facts: dict[str, Any]
    ) -> None:
        bad = msgspec.structs.replace(INVITATION, **facts)
        refused(subject, f"invitation.{field}", _send(invitation=bad))

    @exercises(EmailCapability.BATCH)
    @pytest.mark.parametrize(
        ("field", "recipients"),
        [
            ("recipients", []),
            ("recipients[0]", [TO]),
            ("recipients[0].to", [EmailRecipient(to="ann")]),
            ("recipients[1]", [EmailRecipient(to=TO), EmailRecipient(to=TO.upper())]),
        ],
    )
    def test_a_bad_batch_is_refused_before_any_request(
        self, subject: EmailSubject, field: str, recipients: Any
    ) -> None:
        refused(subject, field, _batch(recipients))

    @exercises(EmailCapability.BATCH)
    def test_too_large_a_batch_is_refused_before_any_request(self, subject: EmailSubject) -> None:
        most = subject.driver.capabilities.limits["batch_recipients"]
        many = [EmailRecipient(to=f"a{n}@customer.example") for n in range(most + 1)]
        refused(subject, "recipients", _batch(many))
        assert len(subject.send_batch(many[:-1]).deliveries) == most

    # Sizes, by what the driver declares

    @exercises(EmailCapability.METADATA)
    def test_too_much_metadata_is_refused_before_any_request(self, subject: EmailSubject) -> None:
        most = subject.driver.capabilities.limits["metadata_bytes"]
        refused(subject, "metadata", _send(metadata={"order": "ü" * (most // 2)}))
        some = {f"order{number}": "ü" * 30 for number in range((most - 200) // 75)}
        subject.send(metadata=some)

    @exercises(EmailCapability.ATTACHMENTS)
    def test_too_many_attachments_are_refused_before_any_request(
        self, subject: EmailSubject
    ) -> None:
        most = subject.driver.capabilities.limits["attachments"]
        refused(subject, "attachments", _send(attachments=[FILE] * (most + 1)))
        subject.send(attachments=[FILE] * most)

    def test_too_many_recipients_are_refused_before_any_request(
        self, subject: EmailSubject
    ) -> None:
        most = subject.driver.capabilities.limits["recipients"]
        many = [f"customer-{number}@customer.example" for number in range(most - 1)]
        refused(subject, "to", _send(to=many, cc=TO, bcc=OTHER))
        assert len(subject.send(to=many, bcc=OTHER).deliveries) == most

    def test_too_large_an_email_is_refused_before_any_request(self, subject: EmailSubject) -> None:
        most = subject.driver.capabilities.limits["message_bytes"]
        refused(subject, "message", _send(text="x" * most))
        refused(subject, "message", _send(html="€" * (most // 3 + 1)))

    @exercises(EmailCapability.ATTACHMENTS)
    def test_files_count_as_large_as_they_travel(self, subject: EmailSubject) -> None:
        most = subject.driver.capabilities.limits["message_bytes"]
        large = Attachment(name="a.bin", content=bytes(most // 4 * 3))
        refused(subject, "message", _send(attachments=[large]))
        nearly = Attachment(name="a.bin", content=bytes((most - 20_000) // 4 * 3))
        subject.send(attachments=[nearly])
