"""The fake of any GraphQL API: it answers what a test says, and nothing else."""

import msgspec

from hardpoint.clients.graphql.fake import FakeGraphQL
from hardpoint.fakes.messages import FakeReply, Received


def asked(fake, document=None, **more):
    headers = more.pop("headers", {})
    body = msgspec.json.encode({"query": document, **more})
    reply = fake.answer(Received(method="POST", target="/graphql", headers=headers, body=body))
    return reply.status, msgspec.json.decode(reply.body)


def test_the_latest_description_that_matches_decides():
    fake = FakeGraphQL()
    fake.on("Product*", {"product": 1})
    fake.on("Products", lambda asked: {"kind": asked.kind})
    fake.on("Gone", lambda _: FakeReply(status=204))
    assert asked(fake, "query Product { a }") == (200, {"data": {"product": 1}})
    assert asked(fake, "query Products { a }") == (200, {"data": {"kind": "query"}})
    fake.on("Products", None, errors=[{"message": "no"}], extensions={"x": 1}, status=400)
    assert asked(fake, "query Products { a }") == (
        400,
        {"data": None, "errors": [{"message": "no"}], "extensions": {"x": 1}},
    )


def test_what_nobody_has_described_says_so():
    fake = FakeGraphQL()
    status, said = asked(fake, "query A { a }")
    assert (status, said["errors"][0]["message"]) == (400, "'A' is not among: nothing")
    fake.on("B")
    assert "among: B" in asked(fake, "query A { a }")[1]["errors"][0]["message"]


def test_what_is_no_request_is_refused_as_servers_do():
    fake = FakeGraphQL()
    bad = fake.answer(Received(method="POST", target="/", headers={}, body=b"[1"))
    assert (bad.status, b"BAD_REQUEST" in bad.body) == (400, True)
    status, said = asked(fake, "query A { a")
    assert (status, said["errors"][0]["extensions"]["code"]) == (400, "GRAPHQL_PARSE_FAILED")
    digest = {"persistedQuery": {"sha256Hash": "0" * 64}}
    body = msgspec.json.encode({"extensions": digest})
    reply = fake.answer(Received(method="POST", target="/", headers={}, body=body))
    assert b"PERSISTED_QUERY_NOT_FOUND" in reply.body


def test_under_one_key_it_acts_once():
    fake = FakeGraphQL()
    fake.on("*", lambda _: {"number": len(fake.asked)})
    key = {"idempotency-key": "k"}
    first = asked(fake, "mutation M { m }", headers=key)
    assert asked(fake, "mutation M { m }", headers=key) == first
    assert fake.ledger.count("mutation", name="M") == 1
    asked(fake, "mutation M { m }")
    assert fake.ledger.count() == 2
