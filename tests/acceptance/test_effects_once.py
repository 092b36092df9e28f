"""Promise 5: an effect elsewhere is never repeated blindly; in a handler no key need be given.

What holds when the process dies in between is in `tests/durability/test_once_sigkill.py`.
"""

import contextlib

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.email.api import EmailSender
from hardpoint.fakes.faults import commit_then_drop
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.payments.api import PaymentGateway
from hardpoint.providers.sendgrid import SendGrid
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
from hardpoint.providers.stripe import Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.sms.api import SmsSender
from hardpoint.store.driver import Outcome
from hardpoint.store.views import State


class Vendor:
    """A vendor whose first answer is lost, and a port to it."""

    def __init__(self, server, entry, send, transport):
        self.server, self.entry, self.send, self.transport = server, entry, send, transport

    def effects(self):
        return self.server.app.ledger.count(self.entry)


def paying(server, connection, transport):
    settings = Stripe(secret_key=Secret.value(SECRET_KEY), base_url=server.url)
    gateway = PaymentGateway(StripePayments(transport, settings), connection)
    return lambda order: gateway.create_payment(
        Money("10", "EUR"), payment_method="pm_card_visa", reference=order
    )


def texting(server, connection, transport):
    settings = Twilio(
        account_sid=ACCOUNT_SID,
        secret=Secret.value(AUTH_TOKEN),
        from_=SENDER,
        base_url=server.url,
    )
    sender = SmsSender(TwilioSms(transport, settings), connection)
    return lambda order: sender.send(to="+4917012345678", body=f"{order} is paid")


def mailing(server, connection, transport):
    settings = SendGrid(
        api_key=Secret.value(API_KEY), from_="help@shop.example", base_url=server.url
    )
    sender = EmailSender(SendGridEmail(transport, settings), connection)
    return lambda order: sender.send(to="ann@shop.example", subject="Paid", text=order)


@pytest.fixture
def lossy(shop):
    """Makes a vendor that acts on the first call and lets its answer be lost."""
    with contextlib.ExitStack() as stack:

        def make(app, entry, port):
            server = stack.enter_context(FakeServer(app))
            server.faults.next(commit_then_drop(), on="POST *")
            connection = Connection("vendor", AsyncRuntime(), journal=shop.hub.journal)
            transport = AsyncTransport()
            return Vendor(server, entry, port(server, connection, transport), transport)

        yield make


def handled(shop, vendor, attempts):
    """The outcomes of the attempts of a handler that calls the vendor and keeps what it made."""
    shop.sql("create table made (id text)")

    @shop.hub.on("billing", retry=[0.05] * 5)
    async def fulfil(event, job):
        result = await vendor.send(event.json()["order"])
        job.write(lambda tx: tx.execute("insert into made values (?)", [result.id]))

    async def scenario():
        await shop.pay("1001")
        await shop.until(lambda: len(shop.attempts()) == attempts)
        await vendor.transport.close()

    shop.open(scenario)
    return [one.outcome for one in shop.attempts()]


def test_promise_5_a_payment_in_doubt_is_asked_for_again_under_the_same_key(shop, lossy):
    vendor = lossy(FakeStripe(), "charge", paying)
    assert handled(shop, vendor, 2) == [Outcome.FAILED, Outcome.DONE]
    assert vendor.effects() == 1
    assert len(shop.sql("select id from made")) == 1


def test_promise_5_a_text_in_doubt_is_looked_for_and_not_sent_again(shop, lossy):
    vendor = lossy(FakeTwilio(delivers=False), "message", texting)
    assert handled(shop, vendor, 2) == [Outcome.FAILED, Outcome.DONE]
    assert vendor.effects() == 1
    ((made,),) = shop.sql("select id from made")
    (entry,) = vendor.server.app.ledger.entries("message")
    assert made == f"vendor:{entry.facts['sid']}"


def test_promise_5_an_email_in_doubt_parks_its_job_until_a_person_has_looked(shop, lossy):
    vendor = lossy(FakeSendGrid(), "email", mailing)
    assert handled(shop, vendor, 1) == [Outcome.NEEDS_RECONCILE]
    (event,) = shop.events()
    assert event.state is State.NEEDS_RECONCILE
    assert vendor.effects() == 1

    async def looked():
        await shop.hub.retry(event.id)
        await shop.until(lambda: len(shop.attempts()) == 2)
        await vendor.transport.close()

    shop.open(looked)
    assert shop.attempts()[-1].outcome is Outcome.DONE
    assert vendor.effects() == 2  # for that is what the person wanted
