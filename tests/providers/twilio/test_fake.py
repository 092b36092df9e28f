import asyncio
from urllib.parse import parse_qsl

import pytest

from hardpoint.core.errors import InvalidRequestError, NotFoundError, ProviderError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Chaos
from hardpoint.fakes.messages import Received
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import AUTH_TOKEN, SENDER, SERVICE_SID, FakeTwilio
from hardpoint.providers.twilio.fake_messages import MessageRefusedError
from hardpoint.providers.twilio.reading import event
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.providers.twilio.webhooks import TwilioWebhooks
from hardpoint.sms.suppressions import OptedOutError
from hardpoint.sms.types import MessageStatus, NewMessage, SmsConsent, SmsFailure

TO = "+4917012345678"
URL = "https://shop.example/webhooks/texts"


def send(account, settings=None, **facts):
    new = NewMessage(**{"to": TO, "body": "hello", **facts})
    return account.do(account.driver(**(settings or {})).send(new, idempotency_key="k"))


@pytest.mark.rows
def test_magic_numbers_and_bad_parameters_are_refused_by_their_codes(account, options, code, error):
    with pytest.raises(ProviderError) as caught:
        send(account, **options)
    assert type(caught.value) is error
    assert caught.value.vendor_code == code
    assert caught.value.request_id == f"RQ{1:032x}"
    assert account.vendor.ledger.count("refusal", code=int(code)) == 1
    assert account.vendor.ledger.count("message") == 0


def test_a_message_needs_a_sender(account):
    with pytest.raises(InvalidRequestError) as caught:
        send(account, {"from_": None})
    assert caught.value.vendor_code == "21603"


def test_a_service_chooses_its_sender_later(account):
    message = send(account, {"from_": None, "messaging_service_sid": SERVICE_SID})
    assert (message.status, message.from_, message.segments) == (
        MessageStatus.ACCEPTED,
        None,
        None,
    )
    account.vendor.carry(message.id, "queued", "sent")
    read = account.do(account.driver().get_message(message.id))
    assert (read.status, read.from_, read.segments) == (MessageStatus.SENT, SENDER, 1)


def test_a_failure_is_shown_and_told(account):
    message = send(account, {"status_url": URL})
    account.vendor.carry(message.id, "sent", "undelivered", error_code=30006)
    read = account.do(account.driver().get_message(message.id))
    assert read.failure is SmsFailure.NOT_MOBILE
    first, second = account.vendor.emitter.pending()
    assert event(first.body).failure is None
    assert event(second.body).failure is SmsFailure.NOT_MOBILE


def test_without_a_callback_nothing_is_told(account):
    account.vendor.carry(send(account).id, "sent")
    assert account.vendor.emitter.pending() == []


def test_media_make_another_kind_of_sid(account):
    assert send(account, body="", media=("https://a.example/1",)).id.startswith("MM")


@pytest.mark.rows
def test_what_the_fake_does_not_know_is_refused(method, target, status):
    vendor = FakeTwilio()
    opened = "Basic " + next(iter(vendor._basic))
    path = target.format(f"/2010-04-01/Accounts/AC{'f' * 32}/Messages")
    reply = vendor.answer(
        Received(method=method, target=path, headers={"authorization": opened}, body=b"")
    )
    assert reply.status == status
    vendor.emitter.close()


def test_an_api_key_opens_the_account_and_another_does_not():
    key = "SK" + "1" * 32
    vendor = FakeTwilio(api_keys={key: "hush"})
    with FakeServer(vendor) as server, asyncio.Runner() as runner:
        transport = AsyncTransport()

        def driver(secret):
            settings = Twilio(
                account_sid="AC" + "f" * 32,
                api_key_sid=key,
                secret=Secret.value(secret),
                base_url=server.url,
            )
            return TwilioSms(transport, settings)

        with pytest.raises(NotFoundError):
            runner.run(driver("hush").get_message("SM1"))
        with pytest.raises(ProviderError):
            runner.run(driver("other").get_message("SM1"))
        runner.run(transport.close())
    vendor.emitter.close()


def test_callbacks_are_signed_for_the_address_that_was_asked_for(account, endpoint):
    account.vendor.delivers = True
    shop = endpoint(TwilioWebhooks(secrets=[Secret.value(AUTH_TOKEN)], url=URL), 0)
    with FakeServer(shop) as server:
        send(account, {"status_url": URL})
        delivered = account.vendor.emitter.deliver(server.url, Chaos(duplicates=1, shuffled=True))
        assert [one.status for one in delivered] == [200] * 4
        statuses = sorted(one.type for one in shop.told)
        assert statuses == ["message.delivered"] * 2 + ["message.sent"] * 2
        for url, chaos in ((URL, Chaos(forged=True)), ("https://elsewhere.example/x", Chaos())):
            send(account, {"status_url": url})
            refused = account.vendor.emitter.deliver(server.url, chaos)
            assert [one.status for one in refused] == [401] * 2


def test_who_texts_stop_is_not_texted_until_they_text_start(account):
    sid = account.vendor.receive(TO, "Stop", url=URL)
    with pytest.raises(OptedOutError):
        send(account)
    assert account.vendor.receive(TO, "help", url=URL) != sid
    account.vendor.receive(TO, "a cat", url=URL, media=["https://a.example/cat.png"])
    account.vendor.receive(TO, "START", url=URL)
    send(account)
    told = [event(one.body) for one in account.vendor.emitter.pending()]
    assert [one.consent for one in told] == [
        SmsConsent.STOP,
        SmsConsent.HELP,
        None,
        SmsConsent.START,
    ]
    assert told[2].media == ("https://a.example/cat.png",)
    assert (told[0].from_, told[0].to, told[0].body) == (TO, SENDER, "Stop")


@pytest.mark.parametrize("fake_vendor", [True], indirect=True)
def test_callbacks_have_the_parameters_twilio_sends(account):
    message = send(account, {"status_url": URL})
    account.vendor.carry(message.id, "sent")
    (emission,) = account.vendor.emitter.pending()
    assert set(dict(parse_qsl(emission.body.decode()))) == {
        "AccountSid",
        "ApiVersion",
        "From",
        "MessageSid",
        "MessageStatus",
        "SmsSid",
        "SmsStatus",
        "To",
    }


@pytest.mark.parametrize("fake_vendor", [False], indirect=True)
def test_callbacks_may_have_no_more_than_what_twilio_always_sends(account):
    message = send(account, {"status_url": URL})
    account.vendor.carry(message.id, "sent")
    account.vendor.receive("+14155550123", "Hello", url=URL)
    fields = [dict(parse_qsl(one.body.decode())) for one in account.vendor.emitter.pending()]
    always = {"AccountSid", "From", "MessageSid", "To"}
    assert [set(one) for one in fields] == [always | {"MessageStatus"}, always | {"Body"}]


def test_a_message_is_called_off_and_changed_in_no_other_way():
    vendor = FakeTwilio(delivers=False)
    for form, code in (([("Status", "sent")], 20001), ([("Status", "canceled")], 30409)):
        text = vendor.mailbox.receive("+1", "+2", "x")
        with pytest.raises(MessageRefusedError) as caught:
            vendor.mailbox.cancel(text.sid, form)
        assert caught.value.code == code
