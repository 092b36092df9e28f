"""The fake of any API: it answers what a test says, and nothing else."""

import msgspec

from hardpoint.clients.rest.fake import FakeRest
from hardpoint.fakes.messages import FakeReply, Received


def asked(fake, method, target, **headers):
    return fake.answer(Received(method=method, target=target, headers=headers, body=b""))


def test_the_latest_description_that_matches_decides():
    fake = FakeRest()
    fake.on("GET /deals/*", {"id": 1})
    fake.on("GET /deals/7", lambda request: {"asked": request.target})
    fake.on("DELETE *", None, status=204)
    assert msgspec.json.decode(asked(fake, "GET", "/deals/1").body) == {"id": 1}
    assert msgspec.json.decode(asked(fake, "GET", "/deals/7?x=1").body) == {"asked": "/deals/7?x=1"}
    assert asked(fake, "DELETE", "/deals/7") == FakeReply(status=204)


def test_what_nobody_has_described_says_so():
    fake = FakeRest()
    assert b"nothing" in asked(fake, "GET", "/a").body
    fake.on("GET /b")
    reply = asked(fake, "GET", "/a")
    assert (reply.status, b"GET /a is not among: GET /b" in reply.body) == (501, True)


def test_under_one_key_it_acts_once():
    fake = FakeRest()
    fake.on("POST /deals", lambda request: {"number": len(fake.received)})
    key = {"idempotency-key": "k"}
    assert asked(fake, "POST", "/deals", **key) == asked(fake, "POST", "/deals", **key)
    assert fake.ledger.count("call", method="POST", path="/deals") == 1
    asked(fake, "POST", "/deals")
    assert fake.ledger.count() == 2
