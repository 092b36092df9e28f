"""Postmark's own library as an oracle: it sends what we send, and takes our fake."""

import asyncio
import base64
import json
from importlib import import_module

import pytest

from hardpoint.email import Address, Attachment
from hardpoint.email.types import EmailRecipient, NewEmail
from hardpoint.fakes.messages import FakeReply
from hardpoint.providers.postmark.fake import SERVER_TOKEN, TEMPLATE

postmark = import_module("postmark")
outbound = import_module("postmark.models.outbound")

FROM = Address(email="orders@shop.example", name="Shop")
ANN = Address(email="ann@customer.example", name="Lee, Ann")
BOB = Address(email="bob@customer.example")
RECEIPT = {"To": "x", "SubmittedAt": "2026-12-01T00:00:00Z", "MessageID": "m1", "ErrorCode": 0}
RECEIPT |= {"Message": "OK"}
PDF = base64.b64encode(b"%PDF\0").decode()


def theirs(url, verb, *arguments):
    async def call():
        async with postmark.ServerClient(SERVER_TOKEN, retries=0, base_url=url) as client:
            return await getattr(client.outbound, verb)(*arguments)

    return asyncio.run(call())


def sent(scripted):
    return [(one.target, json.loads(one.body)) for one in scripted.vendor.received]


def test_it_sends_what_we_send(scripted):
    scripted.vendor.reply = FakeReply.json(RECEIPT)
    email = outbound.Email(
        sender="Shop <orders@shop.example>",
        to='"Lee, Ann" <ann@customer.example>, bob@customer.example',
        bcc="eve@customer.example",
        subject="Grüße",
        text_body="plain €",
        html_body='<img src="cid:logo">',
        reply_to="help@shop.example",
        tag="orders",
        headers=[outbound.Header(name="X-Order", value="7")],
        attachments=[
            outbound.Attachment(
                name="logo.png", content=PDF, content_type="image/png", content_id="cid:logo"
            )
        ],
        metadata={"order": "7", "hardpoint_key": "order-7"},
        message_stream="outbound",
    )
    theirs(scripted.server.url, "send", email)
    ours = NewEmail(
        key="order-7",
        from_=FROM,
        to=(ANN, BOB),
        bcc=(Address(email="eve@customer.example"),),
        subject="Grüße",
        text="plain €",
        html='<img src="cid:logo">',
        reply_to=(Address(email="help@shop.example"),),
        tags=("orders",),
        headers={"X-Order": "7"},
        attachments=(
            Attachment(
                name="logo.png", content=b"%PDF\0", content_type="image/png", content_id="logo"
            ),
        ),
        metadata={"order": "7"},
    )
    driver = scripted.driver(stream="outbound")
    receipt = scripted.do(driver.send(ours, idempotency_key="send:order-7"))
    assert (receipt.id, receipt.idempotency_key) == ("m1", "order-7")
    one, other = scripted.vendor.received
    assert json.loads(one.body) == json.loads(other.body)
    assert (one.method, one.target) == (other.method, other.target)
    for name in ("x-postmark-server-token", "accept", "content-type"):
        assert one.headers[name] == other.headers[name]


def test_it_sends_batches_by_templates_as_we_do(scripted):
    scripted.vendor.reply = FakeReply.json([RECEIPT, RECEIPT])
    emails = [
        {
            "From": "Shop <orders@shop.example>",
            "To": to,
            "TemplateAlias": TEMPLATE,
            "TemplateModel": {"name": name},
            "Metadata": {"hardpoint_key": "k"},
        }
        for to, name in (("ann@customer.example", "Ann"), ("bob@customer.example", "Bob"))
    ]
    theirs(scripted.server.url, "send_batch_with_template", emails)
    batch = tuple(
        EmailRecipient(
            to=Address(email=f"{name.lower()}@customer.example"), variables={"name": name}
        )
        for name in ("Ann", "Bob")
    )
    new = NewEmail(key="k", from_=FROM, to=(), subject="", template=TEMPLATE, batch=batch)
    scripted.do(scripted.driver().send_batch(new, idempotency_key="send_batch:k"))
    one, other = sent(scripted)
    plain = {
        "Messages": [
            {k: v for k, v in each.items() if v not in (None, [], {})}
            for each in one[1]["Messages"]
        ]
    }
    assert (one[0], plain) == other


def test_it_works_against_the_fake(account):
    url = account.server.url
    message = {"sender": "orders@shop.example", "to": "ann@customer.example", "subject": "s"}
    receipt = theirs(url, "send", message | {"text_body": "t"})
    assert receipt.success
    account.vendor.carry(receipt.message_id, "ann@customer.example", "HardBounce")
    with pytest.raises(Exception, match="inactive"):
        theirs(url, "send", message | {"text_body": "t"})
    both = theirs(url, "send", message | {"text_body": "t", "cc": "bob@customer.example"})
    assert "will not deliver to these inactive addresses" in both.message
    batch = [message | {"to": "bob@customer.example", "text_body": "t"}] * 2
    assert [one.success for one in theirs(url, "send_batch", batch)] == [True, True]
