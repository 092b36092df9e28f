"""SendGrid's own library as an oracle: it verifies as we do, sends what we send, takes our fake."""

import base64
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.email import Address, Attachment
from hardpoint.email.types import NewEmail
from hardpoint.fakes.messages import FakeReply
from hardpoint.providers.sendgrid.fake import API_KEY, PRIVATE_KEY, VERIFICATION_KEY
from hardpoint.webhooks import scheme

sendgrid = import_module("sendgrid")
mail = import_module("sendgrid.helpers.mail")
http_exceptions = import_module("python_http_client.exceptions")


def sdk(url):
    return sendgrid.SendGridAPIClient(API_KEY, host=url)


def their_message():
    message = mail.Mail(
        from_email=("orders@shop.example", "Shop"),
        to_emails=[("ann@customer.example", "Ann Lee"), "bob@customer.example"],
        subject="Grüße & more",
        plain_text_content="plain €",
        html_content='<img src="cid:logo">',
    )
    message.add_cc("cc@customer.example")
    message.add_bcc(("bcc@customer.example", "Bea"))
    message.reply_to = ("help@shop.example", "Help")
    message.add_header(mail.Header("X-Order", "7"))
    message.add_custom_arg(mail.CustomArg("order", "7", p=0))
    message.add_custom_arg(mail.CustomArg("hardpoint_key", "order-7", p=0))
    message.add_attachment(attached(b"%PDF\0\xff", "bill ä.pdf", "application/pdf", "attachment"))
    message.add_attachment(attached(b"PNG", "logo.png", "image/png", "inline", "logo"))
    message.add_category(mail.Category("orders"))
    settings = mail.MailSettings()
    settings.sandbox_mode = mail.SandBoxMode(enable=False)
    message.mail_settings = settings
    return message


def attached(content, name, kind, disposition, content_id=None):
    return mail.Attachment(
        mail.FileContent(base64.b64encode(content).decode()),
        mail.FileName(name),
        mail.FileType(kind),
        mail.Disposition(disposition),
        content_id and mail.ContentId(content_id),
    )


OURS = NewEmail(
    key="order-7",
    from_=Address(email="orders@shop.example", name="Shop"),
    to=(
        Address(email="ann@customer.example", name="Ann Lee"),
        Address(email="bob@customer.example"),
    ),
    subject="Grüße & more",
    text="plain €",
    html='<img src="cid:logo">',
    cc=(Address(email="cc@customer.example"),),
    bcc=(Address(email="bcc@customer.example", name="Bea"),),
    reply_to=(Address(email="help@shop.example", name="Help"),),
    headers={"X-Order": "7"},
    metadata={"order": "7"},
    attachments=(
        Attachment(name="bill ä.pdf", content=b"%PDF\0\xff", content_type="application/pdf"),
        Attachment(name="logo.png", content=b"PNG", content_type="image/png", content_id="logo"),
    ),
    extra={"categories": ["orders"], "mail_settings": {"sandbox_mode": {"enable": False}}},
)


def alike(document):
    """A request with its attachments in order of their names; the library reverses them."""
    return document | {
        "attachments": sorted(document["attachments"], key=lambda one: one["filename"])
    }


def test_it_sends_what_we_send(scripted):
    scripted.vendor.reply = FakeReply(status=202)
    sdk(scripted.server.url).send(their_message())
    scripted.do(scripted.driver().send(OURS, idempotency_key="k"))
    theirs, ours = scripted.vendor.received
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert alike(ours.json()) == alike(theirs.json())
    for name in ("authorization", "content-type"):
        assert ours.headers[name] == theirs.headers[name]


def test_it_works_against_the_fake(account):
    client = sdk(account.server.url)
    reply = client.send(their_message())
    assert (reply.status_code, reply.body) == (202, b"")
    taken = account.vendor.mails[reply.headers["X-Message-Id"]]
    assert taken.recipients[0] == "ann@customer.example"
    assert taken.attachments == ("logo.png", "bill ä.pdf")
    message = their_message()
    message.from_email = "orders@elsewhere.example"
    with pytest.raises(http_exceptions.ForbiddenError) as caught:
        client.send(message)
    assert caught.value.to_dict["errors"][0]["field"] == "from"


@given(st.text("aä€[{\r\n ", max_size=40))
def test_it_verifies_what_we_sign(body):
    signed = dict(
        scheme("sendgrid", secrets=[PRIVATE_KEY]).sign(
            body.encode(), now=1_700_000_000.5, event_id="", event_type=""
        )
    )
    theirs = sendgrid.EventWebhook(VERIFICATION_KEY)
    header = sendgrid.EventWebhookHeader
    assert theirs.verify_signature(body, signed[header.SIGNATURE], signed[header.TIMESTAMP])
