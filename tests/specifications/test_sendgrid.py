"""SendGrid's mail, by `tsg_mail_v3.json`."""

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import HardpointError
from hardpoint.core.secrets import Secret
from hardpoint.email import Attachment, EmailSender
from hardpoint.providers.sendgrid import SendGrid
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.fake import API_KEY, SENDER, FakeSendGrid
from hardpoint.sync.email import EmailSender as BlockingSender

SENT = {
    "plain": {"text": "Hello"},
    "with all that is ours": {
        "text": "Hello ü",
        "html": '<p>Hello <img src="cid:logo"></p>',
        "cc": ["Bob <bob@people.example>"],
        "bcc": ["carol@people.example"],
        "reply_to": ["help@shop.example", "Ada <ada@shop.example>"],
        "attachments": [
            Attachment(name="a.pdf", content=b"%PDF", content_type="application/pdf"),
            Attachment(name="l.png", content=b"PNG", content_type="image/png", content_id="logo"),
        ],
        "headers": {"X-Order": "17"},
        "metadata": {"order": "17"},
        "idempotency_key": "order-17",
    },
    "with what is SendGrid's alone": {
        "text": "Hello",
        "extra": {"sendgrid": {"categories": ["orders"], "send_at": 1_900_000_000}},
    },
}


@pytest.fixture(scope="module")
def sendgrid(specification):
    return specification("tsg_mail_v3.json")


@pytest.fixture
def account(mode, watched):
    vendor = FakeSendGrid(delivers=False)
    url, seen = watched(vendor)
    settings = SendGrid(api_key=Secret.value(API_KEY), from_=SENDER, base_url=url)
    driver = SendGridEmail(mode.transport(), settings)
    port = mode.port(EmailSender(driver, Connection("mail", mode.runtime)), BlockingSender)
    yield port, seen
    vendor.emitter.close()


@pytest.mark.parametrize("name", SENT)
def test_what_is_sent_is_as_sendgrid_says(mode, account, sendgrid, name):
    port, seen = account
    to = ["ada@people.example", "Eve <eve@people.example>"]
    mode.do(port.send(to=to, subject="Your order", **SENT[name]))
    [(request, reply)] = seen
    sendgrid.check(request, reply)


def test_what_sendgrid_does_not_know_is_noticed(mode, account, sendgrid):
    """That the others pass means something."""
    port, seen = account
    extra = {"sendgrid": {"no_such_thing": 1}}
    with pytest.raises(HardpointError):
        mode.do(port.send(to=["a@b.example"], subject="s", text="t", extra=extra))
    with pytest.raises(AssertionError, match="no_such_thing"):
        sendgrid.check(*seen[0])
