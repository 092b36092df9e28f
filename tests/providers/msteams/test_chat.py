"""What is special about a workflow: its address is the secret, the card has a size; its fake."""

import json

import pytest

from hardpoint.chat.markup import Span
from hardpoint.chat.types import NewFile, NewPost, NewText, Reaction
from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.providers.msteams import MicrosoftTeams
from hardpoint.providers.msteams.fake import PATH, QUERY, SIGNATURE, WEBHOOK_URL, FakeTeams
from hardpoint.providers.msteams.writing import card
from hardpoint.runtime.blocking import run
from hardpoint.testing.conformance.served import driver_of

HELLO = (Span(text="hello"),)
POST = NewPost(key="k", text=HELLO)


@pytest.fixture
def workflow(served):
    vendor = FakeTeams()
    return served(vendor, lambda *at, **more: driver_of(vendor, *at, **more))


def post(account, new=POST, **settings):
    return account.do(account.driver(**settings).post(new, idempotency_key="post:k"))


def test_a_post_has_no_id_and_goes_where_the_address_says(scripted):
    scripted.vendor.reply = FakeReply(status=202)
    done = post(scripted)
    assert (done.id, done.channel, done.idempotency_key) == (None, "", "k")
    (received,) = scripted.vendor.received
    assert received.target == f"{PATH}?{QUERY}{SIGNATURE}"
    assert "authorization" not in received.headers
    (attached,) = json.loads(received.body)["attachments"]
    assert attached["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attached["content"] == card(HELLO)


def test_the_address_is_shown_nowhere():
    address = MicrosoftTeams(webhook_url=Secret.value(WEBHOOK_URL)).address()
    assert SIGNATURE in address.secrets()
    assert WEBHOOK_URL in address.secrets()
    assert SIGNATURE not in repr(address)
    assert address.permits("prod-00.westeurope.logic.azure.com")
    assert not address.permits("evil.example")
    assert run(address.headers()) == ()
    run(address.rejected(()))


def test_a_wrong_signature_is_told_without_it(workflow):
    with pytest.raises(AuthenticationError) as caught:
        post(workflow, webhook_url=WEBHOOK_URL.replace(SIGNATURE, "of-yesterday"))
    assert "of-yesterday" not in str(caught.value)


def test_a_workflow_that_is_off_or_gone_is_told(workflow):
    workflow.vendor.enabled = False
    with pytest.raises(PermissionDeniedError):
        post(workflow)
    with pytest.raises(NotFoundError):
        post(workflow, webhook_url=WEBHOOK_URL.replace("0123456789abcdef", "0", 1))
    assert workflow.vendor.ledger.count("refusal") == 2


def test_a_card_that_is_too_large_is_refused_before_anything_is_sent(workflow):
    many = tuple(Span(text="x", bold=bool(number % 2)) for number in range(500))
    assert post(workflow, NewPost(key="k", text=many[:300]))
    asked = workflow.server.requests
    with pytest.raises(InvalidRequestError) as caught:
        post(workflow, NewPost(key="k", text=(*many, Span(text="€" * 5000))))
    assert (caught.value.field, workflow.server.requests) == ("text", asked)


def test_nothing_else_is_offered(workflow):
    driver = workflow.driver()
    for verb in (
        driver.upload(NewFile(key="k", name="a", content=b"a"), idempotency_key="k"),
        driver.edit(NewText(channel="c", message="m", text=HELLO)),
        driver.delete("c", "m"),
        driver.react("c", "m", Reaction.DONE),
        driver.list_posts(channel=None, thread=None, since=0, cursor=None),
    ):
        with pytest.raises(UnsupportedError):
            workflow.do(verb)
    assert workflow.server.requests == 0


def asked(document, *, method="POST", body=None):
    target = f"{PATH}?{QUERY}{SIGNATURE}"
    body = json.dumps(document).encode() if body is None else body
    received = Received(method=method, target=target, headers={}, body=body)
    return FakeTeams().answer(received).status


def of(*body):
    content = {"type": "AdaptiveCard", "version": "1.4", "body": list(body)}
    one = {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
    return {"type": "message", "attachments": [one]}


RUN = {"type": "TextRun", "text": "hello"}


@pytest.mark.parametrize(
    ("document", "options", "status"),
    [
        (of({"type": "RichTextBlock", "inlines": [RUN]}), {}, 202),
        (of({"type": "RichTextBlock", "inlines": []}), {}, 400),
        (of({"type": "TextBlock", "text": "**hello**"}), {}, 400),
        (of(), {}, 400),
        (None, {"body": b"["}, 400),
        (None, {"body": b"x" * 30_000}, 413),
        ({}, {"method": "GET"}, 405),
    ],
)
def test_the_fake_takes_cards_alone(document, options, status):
    assert asked(document, **options) == status
