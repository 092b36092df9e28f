"""What is said of no provider; the rest is the conformance suite's."""

import asyncio

import msgspec
import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import InvalidRequestError, OutcomeUnknownError, UnexpectedResponseError
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.sms import (
    MemorySuppressions,
    MessageChanged,
    MessageReceived,
    MessageStatus,
    OptedOutError,
    SmsConsent,
    SmsFailure,
    SmsSender,
)
from hardpoint.sms.api import PAGES_MAX
from hardpoint.sms.driver import SmsCapability
from hardpoint.sms.memory import OPTED_OUT, SENDER, MemorySms
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore

TO = "+4917012345678"


def sender(driver=None, **options):
    return SmsSender(driver or MemorySms(), Connection("texts", AsyncRuntime()), **options)


def test_without_a_sender_anywhere_nothing_is_sent():
    driver = MemorySms(sender=None)

    async def scenario():
        with pytest.raises(InvalidRequestError) as caught:
            await sender(driver).send(to=TO, body="hello")
        assert caught.value.field == "from_"
        message = await sender(driver).send(to=TO, body="hello", from_="+1 415 555 0100")
        assert message.from_ == "+14155550100"

    asyncio.run(scenario())
    assert driver.requests == 1


def test_a_short_code_may_send_without_any_capability():
    port = sender(MemorySms(capabilities=frozenset()))
    assert asyncio.run(port.send(to=TO, body="hello", from_="12345")).from_ == "12345"


def test_suppressions_of_your_own_are_asked_and_told():
    known = MemorySuppressions()

    async def scenario():
        driver = MemorySms()
        port = sender(driver, suppressions=known)
        await known.add(SENDER, TO)
        with pytest.raises(OptedOutError) as caught:
            await port.send(to=TO, body="hello")
        assert caught.value.status is None
        assert driver.requests == 0
        await port.send(to=TO, body="hello", from_="12345")
        with pytest.raises(OptedOutError):
            await port.send(to=OPTED_OUT, body="hello", from_="12345")
        assert await known.holds("12345", OPTED_OUT)
        assert not await known.holds(SENDER, OPTED_OUT)

    asyncio.run(scenario())


def changed(**facts):
    event = MessageChanged(
        message_id="texts:m",
        status=MessageStatus.FAILED,
        vendor_status="failed",
        to=TO,
        from_=None,
        failure=SmsFailure.OPTED_OUT,
    )
    return msgspec.structs.replace(event, **facts)


def received(consent):
    return MessageReceived(message_id="texts:m", from_=TO, to="12345", body="x", consent=consent)


def test_events_about_consent_are_heeded():
    async def scenario():
        port = sender()
        holds = port.suppressions.holds
        await port.heed(changed(failure=SmsFailure.FILTERED))
        await port.heed(received(None))
        await port.heed(received(SmsConsent.HELP))
        assert not await holds(SENDER, TO)
        await port.heed(changed())
        assert await holds(SENDER, TO)
        await port.heed(changed(from_="+14155550100"))
        assert await holds("+14155550100", TO)
        await port.heed(received(SmsConsent.START))
        assert not await holds(SENDER, TO)
        await port.heed(received(SmsConsent.STOP))
        assert await holds(SENDER, TO)
        assert await holds("12345", TO)

    asyncio.run(scenario())


def test_consent_concerns_the_service_that_a_number_belongs_to():
    async def scenario():
        port = sender()
        holds = port.suppressions.holds
        await port.heed(changed(from_="+14155550100", service="MG1"))
        assert [await holds(one, TO) for one in ("+14155550100", "MG1", SENDER)] == [True] * 3
        await port.heed(msgspec.structs.replace(received(SmsConsent.START), service="MG1"))
        assert not await holds("MG1", TO)
        await port.heed(msgspec.structs.replace(received(SmsConsent.STOP), service="MG2"))
        assert await holds("MG2", TO)

    asyncio.run(scenario())


def test_consent_concerns_the_number_alone_where_no_sender_is_set():
    async def scenario():
        port = sender(MemorySms(sender=None))
        await port.heed(changed())
        await port.heed(received(SmsConsent.STOP))
        assert await port.suppressions.holds("12345", TO)
        assert not await port.suppressions.holds(SENDER, TO)

    asyncio.run(scenario())


def test_an_event_is_ours_nobodys_or_not_understood():

    driver = MemorySms()
    port = sender(driver)
    driver.events.append(changed(message_id="m"))
    assert port.parse_event(b"0").message_id == "texts:m"
    driver.events.append(None)
    assert port.parse_event(b"1") is None
    for body in (b"{", b"[" * 100_000):
        with pytest.raises(UnexpectedResponseError):
            port.parse_event(body)


def test_a_search_without_end_is_given_up():
    driver = MemorySms(now=lambda: 100.0)

    async def scenario():
        port = sender(driver)
        for _ in range(PAGES_MAX * 50 + 1):
            await port.send(to=TO, body="hello")
        with pytest.raises(InvalidRequestError) as caught:
            await port.find(to=TO, body="hello", since=0)
        assert caught.value.field == "since"

    asyncio.run(scenario())


def test_a_lost_answer_without_keys_is_settled_by_looking():
    driver = MemorySms(idempotency=Idempotency.NONE)
    send = driver.send

    async def lose(new, *, idempotency_key):
        await send(new, idempotency_key=idempotency_key)
        raise OutcomeUnknownError("the connection broke")

    class Losing:
        provider = driver.provider
        capabilities = driver.capabilities
        sender = driver.sender
        list_messages = driver.list_messages
        send = staticmethod(lose)

    async def scenario():
        port = sender(Losing())
        with pytest.raises(OutcomeUnknownError) as caught:
            await port.send(to=TO, body="hello", idempotency_key="order-1")
        assert caught.value.idempotency_key == "order-1"
        (found,) = await port.find(to=TO, body="hello", since=0)
        assert found.id == "texts:msg_000001"

    asyncio.run(scenario())


class Lossy(msgspec.Struct):
    """A driver without keys whose answers are lost."""

    driver: MemorySms

    def __getattr__(self, name):
        return getattr(self.driver, name)

    async def send(self, new, *, idempotency_key):
        await self.driver.send(new, idempotency_key=idempotency_key)
        raise OutcomeUnknownError("no answer")


@pytest.mark.parametrize(
    ("capabilities", "options", "repeatable"),
    [
        ({SmsCapability.FIND}, {}, True),
        ({SmsCapability.FIND}, {"from_": "+14155550100"}, True),
        (set(), {}, False),
        (
            {SmsCapability.FIND, SmsCapability.MEDIA},
            {"media": ["https://shop.example/cat.png"]},
            False,
        ),
    ],
    ids=["found", "of another sender", "cannot be asked", "does not show media"],
)
def test_what_may_have_been_sent_is_looked_for_before_it_is_sent_again(
    tmp_path, capabilities, options, repeatable
):
    driver = MemorySms(idempotency=Idempotency.NONE, capabilities=capabilities)
    wanted = {"to": TO, "body": "hello", "idempotency_key": "order-7"} | options

    async def scenario():
        store = SqliteStore(tmp_path / "store.db")
        await store.open()
        connection = Connection("texts", AsyncRuntime(), journal=StoreJournal(store))
        with pytest.raises(OutcomeUnknownError) as caught:
            await SmsSender(Lossy(driver), connection).send(**wanted)
        assert caught.value.repeatable is repeatable
        port = SmsSender(driver, connection)
        if repeatable:
            message = await port.send(**wanted)
            assert message == await port.send(**wanted)
            assert message.id == "texts:msg_000001"
        else:
            with pytest.raises(OutcomeUnknownError, match="cannot be asked"):
                await port.send(**wanted)
        await store.close()

    asyncio.run(scenario())
    assert len(driver.messages) == 1


def test_the_parts_of_a_text_that_is_too_long_are_told():
    with pytest.raises(
        InvalidRequestError, match=r"1601 characters.* 1600.* 11 segments \(gsm_7\)"
    ):
        asyncio.run(sender().send(to=TO, body="x" * 1601))
    with pytest.raises(InvalidRequestError, match=r"more than 239 segments \(ucs_2\)"):
        asyncio.run(sender().send(to=TO, body="ü€я" * 100_000))


def test_a_service_that_a_call_names_is_whom_an_opt_out_is_tied_to():
    known = MemorySuppressions()

    async def scenario():
        port = sender(MemorySms(), suppressions=known)
        with pytest.raises(OptedOutError):
            await port.send(to=OPTED_OUT, body="hello", service="MG1")
        assert await known.holds("MG1", OPTED_OUT)
        with pytest.raises(OptedOutError):
            await port.send(to=OPTED_OUT, body="hello", from_=SENDER)

    asyncio.run(scenario())


def test_what_came_in_is_read_by_itself():
    driver = MemorySms()
    driver.events += [
        msgspec.structs.replace(received(None), message_id="m"),
        changed(message_id="m"),
    ]
    port = sender(driver)
    assert port.parse_inbound(b"0").message_id == "texts:m"
    assert port.parse_inbound(b"1") is None
