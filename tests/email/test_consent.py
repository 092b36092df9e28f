"""Who gets no more email: what events say of it, and for whom it counts."""

import asyncio

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.calls.suppressions import MemorySuppressions
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import InvalidRequestError, MisuseError
from hardpoint.email import (
    Address,
    ConsentChanged,
    DeliveryStatus,
    EmailChanged,
    EmailConsent,
    EmailEngaged,
    EmailFailure,
    EmailRecipient,
    EmailSender,
    Engagement,
    SuppressedError,
)
from hardpoint.email.memory import MemoryEmail
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore

TO = "Ann@customer.example"
ABOUT = {
    "event_id": "e",
    "email_id": None,
    "idempotency_key": None,
    "to": TO.lower(),
    "at": 0.0,
    "metadata": {},
}


def consent(what, group=None):
    return ConsentChanged(**ABOUT, consent=what, group=group)


def changed(failure):
    return EmailChanged(
        **ABOUT, status=DeliveryStatus.BOUNCED, vendor_status="bounce", failure=failure
    )


def sender(driver=None, **options):
    return EmailSender(driver or MemoryEmail(), Connection("mail", AsyncRuntime()), **options)


def does(calls):
    """Each in turn; what the last one gives."""

    async def all_of_them():
        for call in calls:
            last = await call
        return last

    return asyncio.run(all_of_them())


def send(port, **options):
    return port.send(**({"to": TO, "subject": "s", "text": "t"} | options))


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (consent(EmailConsent.COMPLAINED), True),
        (consent(EmailConsent.UNSUBSCRIBED), True),
        (consent(EmailConsent.UNSUBSCRIBED, group="news"), False),
        (consent(EmailConsent.SUBSCRIBED), False),
        (changed(EmailFailure.INVALID_ADDRESS), True),
        (changed(EmailFailure.COMPLAINED), True),
        (changed(EmailFailure.MAILBOX), False),
        (changed(None), False),
        (EmailEngaged(**ABOUT, engagement=Engagement.OPENED), False),
    ],
)
def test_what_an_event_says_is_heeded(event, refused):
    driver = MemoryEmail()
    port = sender(driver)
    calls = [port.heed(event), send(port)]
    if not refused:
        does(calls)
        assert driver.requests == 1
        return
    with pytest.raises(SuppressedError) as caught:
        does(calls)
    assert (caught.value.field, caught.value.status, driver.requests) == ("to[0]", None, 0)
    does([port.heed(consent(EmailConsent.SUBSCRIBED)), send(port)])
    assert driver.requests == 1


def test_whoever_is_suppressed_is_named_wherever_they_stand():
    port = sender()
    does([port.heed(consent(EmailConsent.COMPLAINED))])
    batch = [EmailRecipient(to="bob@customer.example"), EmailRecipient(to=TO)]
    for call, field in (
        (send(port, to="bob@customer.example", cc=TO), "cc[0]"),
        (send(port, to="bob@customer.example", bcc=["eve@customer.example", TO]), "bcc[1]"),
        (port.send_batch(batch, subject="s", text="t"), "recipients[1]"),
    ):
        with pytest.raises(SuppressedError) as caught:
            does([call])
        assert caught.value.field == field


def test_it_counts_for_the_sender_and_for_whom_a_call_names():
    known = MemorySuppressions()
    news = sender(MemoryEmail(Address(email="news@shop.example")), suppressions=known)
    orders = sender(MemoryEmail(Address(email="orders@shop.example")), suppressions=known)
    does([news.heed(consent(EmailConsent.UNSUBSCRIBED)), send(orders)])
    with pytest.raises(SuppressedError):
        does([send(orders, from_="News <News@shop.example>")])


def test_it_counts_for_every_account_of_a_group():
    known = MemorySuppressions()
    accounts = [MemoryEmail(Address(email=f"{name}@shop.example")) for name in ("one", "two")]
    members = [
        EmailSender(one, Connection(f"m{number}", AsyncRuntime(), group="mail", suppressions=known))
        for number, one in enumerate(accounts)
    ]
    group = EmailSender(accounts[0], Connection("mail", AsyncRuntime()), members)
    second = sender(accounts[1], suppressions=known)
    with pytest.raises(SuppressedError):
        does([second.heed(consent(EmailConsent.COMPLAINED)), send(group)])
    assert [one.requests for one in accounts] == [0, 0]


def test_what_was_sent_before_is_given_again_whoever_left_since(tmp_path):
    async def scenario():
        store = SqliteStore(tmp_path / "shop.db")
        await store.open()
        driver = MemoryEmail(idempotency=Idempotency.NONE)
        connection = Connection("mail", AsyncRuntime(), journal=StoreJournal(store))
        port = EmailSender(driver, connection)
        first = await send(port, idempotency_key="k")
        await port.heed(consent(EmailConsent.UNSUBSCRIBED))
        assert await send(port, idempotency_key="k") == first
        with pytest.raises(SuppressedError):
            await send(port, idempotency_key="other")
        assert driver.requests == 1
        await store.close()

    asyncio.run(scenario())


def test_what_is_no_event_is_refused():
    with pytest.raises(InvalidRequestError):
        does([sender().heed("complained")])


def test_what_an_event_says_is_not_lost_where_nobody_knows_the_sender():
    port = EmailSender(MemoryEmail(sender=None), Connection("mail", AsyncRuntime()))
    with pytest.raises(MisuseError, match="`from`"):
        asyncio.run(port.heed(changed(EmailFailure.COMPLAINED)))
