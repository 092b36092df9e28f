"""What is said of no provider; the rest is the conformance suite's."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.calls.connection import Connection
from hardpoint.calls.key import Occasion, occasion
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import InvalidRequestError, OutcomeUnknownError, UnexpectedResponseError
from hardpoint.email import Address, Attachment, DeliveryStatus, EmailSender
from hardpoint.email.composing import message_bytes
from hardpoint.email.memory import SENDER, MemoryEmail
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.store.journal import JobName
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore

TO = "ann@customer.example"
EVIL = "\r\nBcc: eve@evil.example"


def sender(driver=None):
    return EmailSender(driver or MemoryEmail(), Connection("mail", AsyncRuntime()))


def send(driver=None, **options):
    asked = {"to": TO, "subject": "Hello", "text": "hi"} | options
    return asyncio.run(sender(driver).send(**asked))


def test_without_a_sender_anywhere_nothing_is_sent():
    driver = MemoryEmail(sender=None)
    with pytest.raises(InvalidRequestError) as caught:
        send(driver)
    assert caught.value.field == "from_"
    assert driver.requests == 0
    send(driver, from_="Help <help@Shop.example>")
    (new,) = driver.emails.values()
    assert new.from_ == Address(email="help@shop.example", name="Help")


def test_what_is_sent_is_what_was_asked_for():
    driver = MemoryEmail()
    send(
        driver,
        to=["Ann <ann@customer.example>", Address(email="bob@BÜCHER.example")],
        cc="cc@customer.example",
        html="<p>hi",
        metadata={"order": "7"},
        extra={"memory": {"a": 1}, "other": {"b": 2}},
        idempotency_key="order-7",
    )
    (new,) = driver.emails.values()
    assert new.key == "order-7"
    assert new.from_ == SENDER
    assert [one.email for one in new.recipients] == [
        TO,
        "bob@xn--bcher-kva.example",
        "cc@customer.example",
    ]
    assert (new.text, new.html, new.extra) == ("hi", "<p>hi", {"a": 1})


FIELDS = [
    "subject",
    "to",
    "from_",
    "cc",
    "bcc",
    "reply_to",
    "header name",
    "header value",
    "file name",
    "content type",
    "content id",
    "metadata name",
    "idempotency_key",
]


@given(
    field=st.sampled_from(FIELDS),
    before=st.text("aé <>@.:", max_size=8),
    control=st.sampled_from(["\r\n", "\n", "\r", "\0", "\x0b", "\x1b", "\x7f", "\x85", "\u2028"]),
    after=st.text("aé <>@.:", max_size=8),
)
def test_no_field_of_a_header_takes_a_control_character(field, before, control, after):
    bad = before + control + after
    image = {"name": "a.png", "content": b"x", "content_type": "image/png", "content_id": "a"}
    options = {
        "header name": {"headers": {bad: "1"}},
        "header value": {"headers": {"X-Order": bad}},
        "file name": {"attachments": [Attachment(**image | {"name": bad})]},
        "content type": {"attachments": [Attachment(**image | {"content_type": bad})]},
        "content id": {"attachments": [Attachment(**image | {"content_id": bad})]},
        "metadata name": {"metadata": {bad: "1"}},
    }.get(field)
    if field in {"to", "from_", "cc", "bcc", "reply_to"}:
        variants = [
            bad,
            f"{bad} <ann@shop.example>",
            Address(email=bad),
            Address(email="ann@shop.example", name=bad),
        ]
        tried = [{field: one} for one in variants]
    else:
        tried = [options or {field: bad}]
    for one in tried:
        driver = MemoryEmail()
        with pytest.raises(InvalidRequestError) as caught:
            send(driver, html="<p>", **one)
        assert driver.requests == 0
        assert caught.value.status is None
        assert not set("\r\n\0") & set(str(caught.value))


def test_no_error_shows_the_text_that_was_refused():
    for options in ({"to": f"canary{EVIL}"}, {"subject": f"canary{EVIL}"}, {"text": "canary\0"}):
        with pytest.raises(InvalidRequestError) as caught:
            send(**options)
        assert "canary" not in str(caught.value)


@given(st.integers(0, 4000), st.text("aä€", max_size=50))
def test_an_emails_size_is_what_its_parts_take(size, text):
    driver = MemoryEmail()
    send(driver, text=f"x{text}", attachments=[Attachment(name="a", content=bytes(size + 1))])
    (new,) = driver.emails.values()
    alone = message_bytes(msgspec.structs.replace(new, attachments=()))
    assert message_bytes(new) - alone == -(-(size + 1) // 3) * 4 + 1
    longer = msgspec.structs.replace(new, text=f"{new.text}€")
    assert message_bytes(longer) == message_bytes(new) + 3


def test_an_event_is_ours_nobodys_or_not_understood():
    driver = MemoryEmail()
    port = sender(driver)
    email = asyncio.run(port.send(to=[TO, "bob@customer.example"], subject="a", text="b"))
    local = email.id.partition(":")[2]
    driver.carry(local, TO, DeliveryStatus.DELIVERED)
    driver.carry(local, "bob@customer.example", DeliveryStatus.BOUNCED)
    driver.events.append(msgspec.structs.replace(driver.events[0], email_id=None, event_id="x"))
    assert port.parse_event(b"[0]").email_id == email.id
    assert port.parse_event(b"[2]").email_id is None
    assert port.parse_event(b"[]") is None
    assert port.parse_event(b"[0,1]", event_id="event_000002").to == "bob@customer.example"
    assert port.parse_event(b"[0,1]", event_id="other") is None
    with pytest.raises(InvalidRequestError) as caught:
        port.parse_event(b"[0,1]")
    assert caught.value.field == "event_id"
    for body in (b"{", b"[" * 100_000):
        with pytest.raises(UnexpectedResponseError):
            port.parse_event(body)


def test_a_lost_answer_without_keys_is_settled_by_its_events():
    driver = MemoryEmail(idempotency=Idempotency.NONE)
    attempts = 0

    class Losing:
        provider = driver.provider
        capabilities = driver.capabilities
        sender = driver.sender
        parse_events = driver.parse_events

        @staticmethod
        async def send(new, *, idempotency_key):
            nonlocal attempts
            attempts += 1
            await driver.send(new, idempotency_key=idempotency_key)
            raise OutcomeUnknownError("the connection broke")

    async def scenario(key):
        with pytest.raises(OutcomeUnknownError) as caught:
            await sender(Losing()).send(to=TO, subject="Hello", text="hi", idempotency_key=key)
        return caught.value.idempotency_key

    for key in ("order-7", "Ä" * 400, None):
        told = asyncio.run(scenario(key))
        assert told == (key or told)
        driver.carry(f"email_{attempts:06d}", TO, DeliveryStatus.DELIVERED)
        event = sender(driver).parse_event(b"[%d]" % (attempts - 1))
        assert event.idempotency_key == told
    assert attempts == 3


def test_a_handler_that_runs_again_sends_its_email_once_and_gets_the_first_receipt(tmp_path):
    driver = MemoryEmail(idempotency=Idempotency.NONE)

    async def scenario():
        store = SqliteStore(tmp_path / "store.db")
        await store.open()
        connection = Connection("mail", AsyncRuntime(), journal=StoreJournal(store))
        receipts = []
        for attempt in (1, 2):
            occasion.set(Occasion("hp:e1:receipt", JobName("e1", "receipt", attempt)))
            port = EmailSender(driver, connection)
            receipts.append(await port.send(to=TO, subject="Hello", text="hi"))
        await store.close()
        return receipts

    first, second = asyncio.run(scenario())
    assert first == second
    assert first.idempotency_key.startswith("hp:e1:receipt:mail:send:")
    assert driver.requests == 1
