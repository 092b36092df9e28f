"""A driver of SMS under test, and what it must refuse before any request is sent."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hardpoint.core.errors import InvalidRequestError
from hardpoint.sms.api import SmsSender
from hardpoint.sms.driver import SmsCapability, SmsDriver
from hardpoint.sms.types import MessageStatus, MessageTemplate
from hardpoint.sync.sms import SmsSender as BlockingSender
from hardpoint.testing.conformance.modes import Mode, exercises
from hardpoint.testing.conformance.refusals import (
    PortRefusals,
    PortSubject,
    PortVerb,
    refused,
    unsupported,
)

TO = "+4917012345678"


def _send(**options: Any) -> PortVerb:
    asked = {"to": TO, "body": "hello"} | options
    return lambda port: port.send(**asked)


_REFUSED: dict[SmsCapability, PortVerb] = {
    SmsCapability.MEDIA: _send(media=["https://shop.example/cat.png"]),
    SmsCapability.SENDER_NAME: _send(from_="Shop"),
    SmsCapability.READ: lambda port: port.get_message("texts:SM1"),
    SmsCapability.FIND: lambda port: port.find(to=TO, body="any", since=0),
    SmsCapability.WHATSAPP: _send(to=f"whatsapp:{TO}"),
    SmsCapability.RCS: _send(to=f"rcs:{TO}"),
    SmsCapability.TEMPLATES: _send(body="", template=MessageTemplate("greeting")),
    SmsCapability.SERVICE: _send(service="MG1"),
    SmsCapability.SCHEDULE: _send(send_at=datetime.now(UTC) + timedelta(hours=1)),
    SmsCapability.CANCEL: lambda port: port.cancel("texts:SM1"),
    SmsCapability.VALIDITY: _send(validity=60),
}
_BAD: list[tuple[str, PortVerb]] = [
    *(
        ("to", _send(to=to))
        for to in (
            "",
            "+",
            "4917012345678",
            "017012345678",
            "+1555",
            "+999123456789",
            "+4917012345678x12",
            "+49170123456789012345",
            "+49\uff11\uff17\uff1012345678",
            "tel:+4917012345678",
            "+4917012345678\n",
            "someone@shop.example",
            "whatsapp:",
            "whatsapp:017012345678",
            "whatsapp:whatsapp:+4917012345678",
            "rcs:someone",
            "telegram:+4917012345678",
        )
    ),
    *(
        ("from_", _send(from_=from_))
        for from_ in (
            "",
            "+1555",
            "12",
            "123456789",
            "Twelve chars",
            "Shop\n",
            " Shop",
            "Shöp",
            "--",
            "whatsapp:Shop",
            "whatsapp:12345",
            "rcs:a b",
            "whatsapp:+14155550100",
            "rcs:shop_agent",
        )
    ),
    *(("body", _send(body=body)) for body in ("", " \n", "a\0", "a\x1b[31m", "\ud800")),
    ("body", _send(body="x" * 100_000)),
    ("idempotency_key", _send(idempotency_key="")),
    ("message_id", lambda port: port.get_message("SM1")),
    ("message_id", lambda port: port.get_message("other:SM1")),
    ("message_id", lambda port: port.get_message("texts:../Calls")),
]
_BAD_TEMPLATES: list[tuple[str, MessageTemplate]] = [
    ("template.id", MessageTemplate("")),
    ("template.id", MessageTemplate("a b")),
    ("template.id", MessageTemplate("x" * 257)),
    ("template.language", MessageTemplate("greeting", language="English!")),
    ("template.variables", MessageTemplate("greeting", {"a-b": "c"})),
    ("template.variables", MessageTemplate("greeting", {f"v{one}": "x" for one in range(101)})),
    ("template.variables.1", MessageTemplate("greeting", {"1": ""})),
    ("template.variables.1", MessageTemplate("greeting", {"1": "a\0b"})),
    ("template.variables.1", MessageTemplate("greeting", {"1": "x" * 1601})),
]
_BAD_MEDIA: dict[str, str] = {
    "http": "http://shop.example/cat.png",
    "file": "file:///etc/passwd",
    "no host": "https:///cat.png",
    "no scheme": "shop.example/cat.png",
    "credentials": "https://user:secret@shop.example/cat.png",
    "blank": "https://shop.example/a cat.png",
    "line": "https://shop.example/cat.png\n",
    "port": "https://shop.example:port/cat.png",
    "bracket": "https://[shop.example/cat.png",
    "long": "https://shop.example/" + "x" * 2048,
}


class SmsSubject(PortSubject):
    """A driver under test, and the strings its provider hangs on.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport of that mode, with a sender of its own.
        requests: how many requests reached the provider.
        invalid: a number that passes our checks and not the provider's.
        opted_out: the number of someone who has opted out; None where only an event tells.
        opts_out: there, makes the event say so of a message, by the provider's id.
        carry: the carrier reports a message, by the provider's id, in these statuses.
        events: the webhook bodies since the last call, in order.
        template: one that the provider has: with `1` set to Ann, its text is `Hello Ann`.
        language: of the template, where it has to be said.
        template_to: whom it may go to.
        service: a messaging service of the account, where the provider has any.
    """

    def __init__(
        self,
        mode: Mode,
        driver: SmsDriver,
        *,
        requests: Callable[[], int],
        invalid: str,
        opted_out: str | None,
        carry: Callable[[str, Sequence[MessageStatus]], None],
        events: Callable[[], Sequence[bytes]],
        template: str = "greeting",
        language: str | None = None,
        template_to: str = TO,
        service: str = "MG1",
        opts_out: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(mode, driver, SmsSender, BlockingSender, name="texts", requests=requests)
        self.invalid = invalid
        self.opted_out = opted_out
        self.opts_out = opts_out
        self.carry = carry
        self.events = events
        self.template = template
        self.language = language
        self.template_to = template_to
        self.service = service

    def send(self, body: str = "hello", **options: Any) -> Any:
        """A message to someone who takes it."""
        return self.do(self.port.send(to=TO, body=body, **options))


class SmsRefusals(PortRefusals):
    """What is refused before any request. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("capability", list(SmsCapability))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: SmsSubject, capability: SmsCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    @pytest.mark.parametrize(("field", "call"), _BAD)
    def test_bad_input_is_refused_before_any_request(
        self, subject: SmsSubject, field: str, call: PortVerb
    ) -> None:
        refused(subject, field, call)

    def test_one_character_too_many_is_refused_before_any_request(
        self, subject: SmsSubject
    ) -> None:
        most = subject.driver.capabilities.limits["text_characters"]
        with pytest.raises(InvalidRequestError, match=rf"{most}: it would take \d+ segments"):
            subject.send("x" * (most + 1))
        assert subject.requests() == 0
        subject.send("x" * most)

    @exercises(SmsCapability.MEDIA)
    @pytest.mark.parametrize("name", _BAD_MEDIA)
    def test_bad_media_are_refused_before_any_request(self, subject: SmsSubject, name: str) -> None:
        good = "https://shop.example/cat.png"
        with pytest.raises(InvalidRequestError) as caught:
            subject.send(media=[good, _BAD_MEDIA[name]])
        assert caught.value.field == "media[1]"
        assert subject.requests() == 0

    @exercises(SmsCapability.MEDIA)
    def test_too_many_media_are_refused_before_any_request(self, subject: SmsSubject) -> None:
        most = subject.driver.capabilities.limits["media_items"]
        media = [f"https://shop.example/{number}.png" for number in range(most + 1)]
        with pytest.raises(InvalidRequestError) as caught:
            subject.send(media=media)
        assert caught.value.field == "media"
        assert subject.requests() == 0
        subject.send(media=media[:-1])

    @exercises(SmsCapability.TEMPLATES)
    @pytest.mark.parametrize(("field", "template"), _BAD_TEMPLATES)
    def test_bad_templates_are_refused_before_any_request(
        self, subject: SmsSubject, field: str, template: MessageTemplate
    ) -> None:
        refused(subject, field, _send(body="", template=template))
        refused(subject, "body", _send(body="x", template=MessageTemplate(subject.template)))

    @exercises(SmsCapability.SERVICE)
    @pytest.mark.parametrize("service", ["", "a b", "MG1\n"])
    def test_bad_services_are_refused_before_any_request(
        self, subject: SmsSubject, service: str
    ) -> None:
        refused(subject, "service", _send(service=service))

    @exercises(SmsCapability.SCHEDULE)
    def test_bad_times_are_refused_before_any_request(self, subject: SmsSubject) -> None:
        limits, now = subject.driver.capabilities.limits, datetime.now(UTC)
        for moment in (
            now.replace(tzinfo=None),
            now + timedelta(seconds=limits["schedule_seconds_min"] - 30),
            now + timedelta(seconds=limits["schedule_seconds_max"] + 30),
        ):
            refused(subject, "send_at", _send(send_at=moment, service=subject.service))

    @exercises(SmsCapability.VALIDITY)
    def test_bad_validities_are_refused_before_any_request(self, subject: SmsSubject) -> None:
        limits = subject.driver.capabilities.limits
        least, most = limits["validity_seconds_min"], limits["validity_seconds_max"]
        for validity in (least - 1, most + 1, least + 0.5, float("nan"), float("inf")):
            refused(subject, "validity", _send(validity=validity))
