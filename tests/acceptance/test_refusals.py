"""Promise 1: what does not verify has no business effect and no database write of its own."""

import asyncio
import sqlite3
import time

import httpx2
import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.hub import Hub
from hardpoint.store.events import BatchCommitted
from hardpoint.webhooks.answers import STORED, UNAUTHORIZED, UNAVAILABLE
from hardpoint.webhooks.inbox import UNKNOWN_SOURCE

BODY = b'{"id": "evt_1", "type": "paid"}'


def requests(shop, source):
    """Every way in which a request can fail to verify: name, reason counted, headers, body."""
    good = shop.sign(source, BODY, event_id="d-1", event_type="push")
    name, value = good[-1]
    rest = good[:-1]

    def with_signature(text):
        return [*rest, (name, text)]

    yield "missing", "missing_signature", rest, BODY
    yield "empty", "malformed_request", with_signature(""), BODY
    yield "malformed", "malformed_request", with_signature("nonsense"), BODY
    yield "not ASCII", "malformed_request", with_signature("\xff\xfe"), BODY
    yield "64 KB", "malformed_request", with_signature("x" * 65536), BODY
    yield "twice", "malformed_request", [*good, good[-1]], BODY
    yield "half", "malformed_request", with_signature(value[:-1]), BODY
    yield "forged", "signature_mismatch", with_signature(value[:-8] + "00000000"), BODY
    yield "another body", "signature_mismatch", good, BODY.replace(b"evt_1", b"evt_2")
    other = shop.sign(source, BODY, secrets=["whsec_other"], event_id="d-1", event_type="push")
    yield "another secret", "signature_mismatch", other, BODY
    if source == "billing":
        for name, age in [("stale", -301), ("from the future", 301)]:
            at = time.time() + age
            yield name, "stale_timestamp", shop.sign(source, BODY, at=at), BODY


@pytest.mark.parametrize("source", ["billing", "code"])
def test_promise_1_what_does_not_verify_is_401_no_event_and_one_counter(shop, source):
    """E1 to E5, E8, E9"""
    ran = []
    shop.hub.on(source, name="handler")(lambda event, job: ran.append(event))
    reasons = {}

    async def scenario():
        for name, reason, headers, body in requests(shop, source):
            assert await shop.post(source, headers, body) == UNAUTHORIZED, name
            reasons[reason] = reasons.get(reason, 0) + 1

    shop.open(scenario)
    assert shop.events() == []
    assert ran == []
    assert shop.read(lambda reader: reader.refusals()) == {source: reasons}
    assert len(shop.sql("select * from hardpoint_refused")) in {len(reasons), 2 * len(reasons)}


def test_promise_1_a_flood_writes_nothing_for_a_request(shop):
    """E42: two batches of counters at most, whatever comes."""
    batches = []

    async def scenario():
        await asyncio.sleep(0.05)
        before = sum(isinstance(one, BatchCommitted) for one in shop.told)
        for number in range(20_000):
            shop.post("billing", [("Stripe-Signature", f"{number}")], BODY)
            if number % 100 == 0:
                await asyncio.sleep(0)
        assert await shop.pay("1001") == STORED  # genuine ones get through
        batches.append(sum(isinstance(one, BatchCommitted) for one in shop.told) - before)

    began = time.monotonic()
    shop.open(scenario)
    seconds = time.monotonic() - began
    assert batches[0] <= 3 * (seconds + 1)
    counted = shop.read(lambda reader: reader.refusals())
    assert counted == {"billing": {"malformed_request": 20_000}}
    assert len(shop.sql("select * from hardpoint_refused")) <= 2


def test_a_signature_of_another_source_is_of_no_use_here(shop):
    """E6"""

    async def scenario():
        code = shop.sign("code", BODY, event_id="d-1", event_type="push")
        billing = shop.sign("billing", BODY)
        return [await shop.post("billing", code, BODY), await shop.post("code", billing, BODY)]

    assert shop.open(scenario) == [UNAUTHORIZED] * 2


def test_over_http_an_unknown_source_looks_like_a_wrong_signature(shop):
    """E35"""

    async def scenario():
        transport = httpx2.ASGITransport(shop.hub.asgi())
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
            forged = [("Stripe-Signature", f"t={int(time.time())},v1={'0' * 64}")]
            answers = [
                await client.post(f"/webhooks/{source}", headers=forged, content=BODY)
                for source in ("billing", "code", "nobody", "%2e%2e", "x" * 500)
            ]
        return {(a.status_code, a.content, tuple(a.headers.items())) for a in answers}

    answers = shop.open(scenario)
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401
    assert UNKNOWN_SOURCE in shop.read(lambda reader: reader.refusals())


@pytest.mark.parametrize("live", [["whsec_new"], ["whsec_new", "whsec_old"], ["whsec_old"]])
@pytest.mark.parametrize("signed_by", [["whsec_new"], ["whsec_old"], ["whsec_new", "whsec_old"]])
def test_while_a_secret_is_rolled_every_live_one_is_accepted_and_no_other(shop, live, signed_by):
    """E36"""
    for index, secret in enumerate(live):
        shop.keep(f"rolled{index}", secret)
    files = ", ".join(f'"file:rolled{index}.secret"' for index in range(len(live)))
    configuration = shop.folder / "hardpoint.toml"
    configuration.write_text(configuration.read_text().replace('"file:billing.secret"', files))

    async def scenario():
        await shop.hub.reload()
        headers = shop.sign("billing", BODY, secrets=signed_by)
        return await shop.post("billing", headers, BODY)

    expected = STORED if set(live) & set(signed_by) else UNAUTHORIZED
    assert shop.open(scenario) == expected


@pytest.mark.parametrize("secret", ["", " ", "\n", "whsec_", "  whsec_one"])
def test_a_secret_that_is_empty_or_blank_or_cut_off_is_refused_at_the_start(shop, secret):
    """E37"""
    shop.keep("billing", secret)

    with pytest.raises(ConfigurationError) as caught:
        Hub.load(shop.folder / "hardpoint.toml")

    assert caught.value.key == "webhooks.billing.secrets[0]"


def test_a_source_without_any_live_secret_is_refused_at_the_start(shop):
    """E36, none live: fail closed."""
    configuration = shop.folder / "hardpoint.toml"
    configuration.write_text(configuration.read_text().replace('"file:billing.secret"', ""))

    with pytest.raises(ConfigurationError, match=r"webhooks\.billing\.secrets: is empty"):
        Hub.load(configuration)


class Hindered(sqlite3.Connection):
    """The writer's connection, on a disk that is full or read-only when a test says so."""

    pragma = ""

    def execute(self, sql, *arguments):
        if "begin immediate" in sql and self.pragma:
            super().execute(self.pragma)
        return super().execute(sql, *arguments)


@pytest.mark.parametrize(
    ("hinder", "help_again"),
    [
        ("pragma max_page_count = 1", "pragma max_page_count = 1073741823"),
        ("pragma query_only = 1", "pragma query_only = 0"),
        (None, None),
    ],
    ids=["full", "read-only", "locked"],
)
def test_a_store_that_cannot_write_is_503_until_it_can_and_nothing_is_lost(
    shop, monkeypatch, hinder, help_again
):
    """E18"""
    ran = []
    monkeypatch.setattr(Hindered, "pragma", "")
    shop.hub.store._kind = Hindered

    @shop.hub.on("billing", name="handler")
    async def handler(event, job):
        ran.append(event.vendor_id)

    async def scenario():
        outside = sqlite3.connect(shop.database, isolation_level=None)
        if hinder is None:
            outside.execute("begin immediate")
        Hindered.pragma = hinder or ""
        answers = await asyncio.gather(*(shop.pay(str(number)) for number in range(100)))
        Hindered.pragma = help_again or ""
        outside.close()
        again = [await shop.pay(str(number)) for number in range(100)]
        await shop.until(lambda: len(ran) == 100)
        return answers, again

    answers, again = shop.open(scenario)
    assert UNAVAILABLE in answers
    assert again == [STORED] * 100
    assert sorted(ran) == sorted(f"evt_{number}" for number in range(100))
    refused = shop.read(lambda reader: reader.refusals())["billing"]
    assert refused["unavailable"] == answers.count(UNAVAILABLE)
