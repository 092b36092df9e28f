"""Acme held to the public suites, in both modes, and what is special about it."""

import pytest
from hardpoint_acme import Acme
from hardpoint_acme.email import AcmeEmail
from hardpoint_acme.fake import INVALID, SENDER, SUPPRESSED, TOKEN, FakeAcme

from hardpoint import InvalidRequestError, Secret, UnexpectedResponseError
from hardpoint.email import Address, DeliveryStatus, EmailSender, NewEmail
from hardpoint.provider import (
    Adapter,
    EmailConformance,
    EmailSubject,
    FakeReply,
    FaultConformance,
)
from hardpoint.sync import EmailSender as BlockingSender
from hardpoint.testing import FakeServer

FROM, TO = Address(email=SENDER), Address(email="ann@customer.example")
WORDS = {
    DeliveryStatus.DEFERRED: "message.deferred",
    DeliveryStatus.DELIVERED: "message.delivered",
    DeliveryStatus.BOUNCED: "message.bounced",
}


def driver(transport, url):
    return AcmeEmail(transport, Acme(token=Secret.value(TOKEN), from_=SENDER, base_url=url))


class TestAcme(EmailConformance):
    @pytest.fixture
    def subject(self, mode):
        vendor = FakeAcme()
        with FakeServer(vendor) as server:
            yield EmailSubject(
                mode,
                driver(mode.transport(), server.url),
                requests=lambda: server.requests,
                invalid=INVALID,
                suppressed=SUPPRESSED,
                carry=lambda sent, to, course: vendor.carry(sent, to, *map(WORDS.get, course)),
                events=lambda: [one.body for one in vendor.emitter.pending()],
            )
            vendor.emitter.close()


class TestAcmeInTrouble(FaultConformance):
    adapter = Adapter(
        vendor=FakeAcme,
        port=lambda transport, url, connection: EmailSender(driver(transport, url), connection),
        facade=BlockingSender,
        calls={"keyed": lambda port: port.send(to=TO, subject="s", text="t")},
        effects="email",
        refused=(
            lambda port: port.send(to=INVALID, subject="s", text="t"),
            InvalidRequestError,
        ),
    )


def test_an_answer_that_is_none_is_no_success(served, script):
    account = served(script, driver)
    script.reply = FakeReply.json({"ok": True}, 201)
    new = NewEmail(key="k", from_=FROM, to=(TO,), subject="s", text="t")
    with pytest.raises(UnexpectedResponseError):
        account.do(account.driver().send(new, idempotency_key="k"))
    assert script.received[0].path == "/v1/messages"


def test_an_application_uses_it(hardpoint_hub):
    hardpoint_hub.deliver("mail", "message.delivered")
    hardpoint_hub.drained()
    mail = hardpoint_hub.hub.email("mail")
    hardpoint_hub.run(mail.send(to=TO, subject="s", text="t"))
    assert hardpoint_hub.fake("acme").ledger.count("email") == 1
