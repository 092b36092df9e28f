"""Keys that are fetched, under attack: what an unsigned request may cost, and whom it may delay."""

import asyncio
import json
import threading
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hardpoint.core.errors import (
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
    UnavailableError,
)
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.messages import Response
from hardpoint.http.untrusted import UNTRUSTED, Untrusted, resolve_async
from hardpoint.testing import ManualClock
from hardpoint.webhooks import WebhookRequest
from hardpoint.webhooks.answers import STORED, UNAUTHORIZED, UNAVAILABLE
from hardpoint.webhooks.fetched_keys import (
    CHECKS_BURST,
    DOCUMENTS_MAX,
    FAILED_SECONDS,
    FETCHES_BURST,
    KEPT_SECONDS,
    KEYS_MAX,
    NAMES_MAX,
    STALE_SECONDS,
    Allowance,
    KeyNeededError,
    KeySource,
    KeyUnavailableError,
    UnknownKeyError,
)
from hardpoint.webhooks.key_fetching import WAITING_BYTES_MAX, WAITING_MAX, KeyFetching
from hardpoint.webhooks.public_keys import Ed25519Key
from hardpoint.webhooks.schemes import SignatureScheme
from hardpoint.webhooks.sources import Source
from hardpoint.webhooks.verification import Notification

NOW = 1_700_000_000.0
ROOM = 1_000_000


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


def document(*names: str) -> bytes:
    return json.dumps(
        {name: private(name).public_key().public_bytes_raw().hex() for name in names}
    ).encode()


def read(body: bytes, name: str = "", now: float = 0.0) -> dict[str, Ed25519Key]:
    return {
        name: Ed25519Key(Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)))
        for name, text in json.loads(body).items()
    }


class Published(SignatureScheme):
    """A vendor whose requests name their key; `each` has an address for every key of its own."""

    signature_headers = frozenset({b"x-key", b"x-signature"})
    refusal_us = 100.0

    def __init__(self, url: str, *, each: bool = False) -> None:
        self.keys: KeySource[Ed25519Key] = KeySource(
            lambda name: f"{url}/{name}" if each else url, read
        )

    def authenticate(self, request, *, now):
        headers = request.once(self.signature_headers)
        if len(headers) < 2:
            raise MissingSignatureError
        key = self.keys.find(headers[b"x-key"].decode("latin-1"), now=now)
        signature = bytes.fromhex(headers[b"x-signature"].decode("latin-1"))
        if not self.keys.check(lambda: key.made(signature, request.body), now=now):
            raise SignatureMismatchError
        return 0, None, None

    def events(self, request, found):
        return (Notification(id=request.body.decode(), type="made"),)


def signed(name: str, body: bytes = b"evt_1", *, by: str | None = None) -> list[tuple[str, str]]:
    return [("x-key", name), ("x-signature", private(by or name).sign(body).hex())]


class KeyServer:
    """What publishes them; a held one does not answer yet."""

    name = "keys"

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.reply = FakeReply(body=document("k1"))
        self.held = threading.Event()
        self.held.set()
        self.asked: list[str] = []

    def answer(self, request):
        self.asked.append(request.path)
        assert self.held.wait(30)
        return self.reply


@pytest.fixture
def server():
    app = KeyServer()
    with FakeServer(app) as served:
        app.url = served.url
        yield app
        app.held.set()


@pytest.fixture
def inbox(rig, server):
    """Plays a scenario with an inbox that has the source `pay`, and `billing` beside it."""

    def play(scenario, *, each=False):
        async def whole():
            transport = AsyncTransport(UNTRUSTED)
            untrusted = Untrusted(transport, resolve_async, permit=lambda _: True, plain=True)
            one.inbox._keys._fetch = untrusted
            try:
                return await asyncio.wait_for(scenario(one), 30)
            finally:
                server.held.set()
                await transport.close()

        one = rig()
        scheme = Published(server.url, each=each)
        sources = dict(one.inbox._sources._sources)
        sources["pay"] = Source(name="pay", scheme=scheme, body_bytes_max=ROOM, keys=scheme.keys)
        one.inbox.configure(sources)
        return one.play(whole)

    return play


async def all_of(answers: Sequence["asyncio.Future"]):
    return [answer.status for answer in await asyncio.gather(*answers)]


def test_a_key_is_fetched_once_for_all_who_need_it_and_then_kept(inbox, server):
    async def scenario(one):
        first = [one.submit("pay", signed("k1", body), body) for body in (b"a", b"b", b"c")]
        assert await asyncio.gather(*first) == [STORED] * 3
        assert await one.submit("pay", signed("k1", b"d"), b"d") == STORED

    inbox(scenario)
    assert len(server.asked) == 1


def test_a_new_key_is_learned_when_it_is_first_used(inbox, server):
    async def scenario(one):
        assert await one.submit("pay", signed("k1"), b"evt_1") == STORED
        server.reply = FakeReply(body=document("k1", "k2"))
        assert await one.submit("pay", signed("k2", b"evt_2"), b"evt_2") == STORED

    inbox(scenario)
    assert len(server.asked) == 2


def test_a_forged_request_under_a_known_name_is_refused(inbox, server):
    async def scenario(one):
        forged = signed("k1", by="mine")
        assert await one.submit("pay", forged, b"evt_1") == UNAUTHORIZED
        assert await one.submit("pay", forged, b"evt_1") == UNAUTHORIZED

    inbox(scenario)
    assert len(server.asked) == 1


def test_a_name_that_nobody_has_is_refused_and_not_looked_for_again(inbox, server):
    async def scenario(one):
        for _ in range(20):
            assert await one.submit("pay", signed("forged"), b"evt_1") == UNAUTHORIZED

    inbox(scenario)
    assert len(server.asked) == 1


def test_names_without_end_make_few_fetches_and_delay_nobody(inbox, server):
    async def scenario(one):
        assert await one.submit("pay", signed("k1"), b"evt_1") == STORED
        for number in range(500):
            answer = await one.submit("pay", signed(f"forged-{number}"), b"evt_1")
            assert answer in {UNAUTHORIZED, UNAVAILABLE}
        assert await one.submit("pay", signed("k1", b"evt_2"), b"evt_2") == STORED

    inbox(scenario)
    assert len(server.asked) <= FETCHES_BURST


def test_while_a_fetch_hangs_whoever_is_known_is_served_and_few_wait(inbox, server):
    async def scenario(one):
        assert await one.submit("pay", signed("k1"), b"evt_1") == STORED
        server.held.clear()
        forged = [
            one.submit("pay", signed(f"forged-{number}"), b"evt_1")
            for number in range(WAITING_MAX + 50)
        ]
        await asyncio.sleep(0)
        assert sum(answer.done() for answer in forged) == 50, "they are told to come again"
        assert await one.submit("pay", signed("k1", b"evt_2"), b"evt_2") == STORED
        assert await one.deliver("evt_3") == STORED, "another source"
        server.held.set()
        assert set(await all_of(forged)) <= {401, 503}

    inbox(scenario)
    assert len(server.asked) == 2


def test_bodies_that_wait_are_bounded_by_their_bytes(inbox, server):
    async def scenario(one):
        server.held.clear()
        body = b"x" * (WAITING_BYTES_MAX // 2)
        waiting = [one.submit("pay", signed("k1", body), body) for _ in range(3)]
        await asyncio.sleep(0)
        assert [answer.done() for answer in waiting] == [False, False, True]
        assert waiting[2].result() == UNAVAILABLE

    inbox(scenario)


@pytest.mark.parametrize(
    "reply",
    [
        FakeReply(status=500),
        FakeReply(body=b"x" * (UNTRUSTED.body_bytes_max + 1)),
        FakeReply(body=b"[]"),
        FakeReply(body=b"\xff"),
        FakeReply(
            body=json.dumps(dict.fromkeys(map(str, range(KEYS_MAX + 1)), "00" * 32)).encode()
        ),
        FakeReply(status=302, headers=(("location", "http://127.0.0.1/"),)),
    ],
    ids=["broken", "huge", "a list", "no text", "too many", "elsewhere"],
)
def test_a_server_that_gives_no_keys_is_asked_again_later_and_nothing_is_lost(inbox, server, reply):
    async def scenario(one):
        server.reply = reply
        for _ in range(5):
            assert await one.submit("pay", signed("k1"), b"evt_1") == UNAVAILABLE
        assert len(server.asked) == 1
        server.reply = FakeReply(body=document("k1"))
        one.clock.advance(FAILED_SECONDS)
        assert await one.submit("pay", signed("k1"), b"evt_1") == STORED

    inbox(scenario)


def test_old_keys_serve_while_they_are_fetched_anew_and_when_that_fails(inbox, server):
    async def scenario(one):
        assert await one.submit("pay", signed("k1"), b"evt_1") == STORED
        one.clock.advance(KEPT_SECONDS)
        server.held.clear()
        assert await one.submit("pay", signed("k1", b"evt_2"), b"evt_2") == STORED
        server.reply = FakeReply(status=500)
        server.held.set()
        await one.until(lambda: not one.inbox._keys._tasks)
        assert await one.submit("pay", signed("k1", b"evt_3"), b"evt_3") == STORED
        assert len(server.asked) == 2
        one.clock.advance(STALE_SECONDS)
        assert await one.submit("pay", signed("k1", b"evt_4"), b"evt_4") == UNAVAILABLE

    inbox(scenario)


def test_a_key_that_was_withdrawn_is_good_no_more_once_that_is_known(inbox, server):
    async def scenario(one):
        assert await one.submit("pay", signed("k1"), b"evt_1") == STORED
        server.reply = FakeReply(body=document("k2"))
        assert await one.submit("pay", signed("k2", b"evt_2"), b"evt_2") == STORED
        assert await one.submit("pay", signed("k1", b"evt_3"), b"evt_3") == UNAUTHORIZED

    inbox(scenario)


def test_each_key_may_have_an_address_of_its_own(inbox, server):
    async def scenario(one):
        assert await one.submit("pay", signed("k1"), b"evt_1") == STORED
        server.reply = FakeReply(status=404)
        assert await one.submit("pay", signed("k9"), b"evt_1") == UNAUTHORIZED
        assert await one.submit("pay", signed("k1", b"evt_2"), b"evt_2") == STORED

    inbox(scenario, each=True)
    assert server.asked == ["/k1", "/k9"]


def test_too_many_forgeries_stop_being_checked_and_good_ones_cost_nothing():
    keys = KeySource(lambda _: "", lambda *_: {})
    for _ in range(5000):
        assert keys.check(lambda: True, now=NOW)
    for _ in range(int(CHECKS_BURST)):
        assert not keys.check(lambda: False, now=NOW)
    with pytest.raises(KeyUnavailableError):
        keys.check(lambda: True, now=NOW)
    assert keys.check(lambda: True, now=NOW + 1)


def test_an_allowance_grows_with_time_alone():
    allowance = Allowance(2, 0.5)
    assert [allowance.take(NOW) for _ in range(3)] == [True, True, False]
    assert [allowance.take(NOW + 2), allowance.take(NOW + 2)] == [True, False]
    assert not allowance.take(NOW - 10**6), "a clock that was set back"
    allowance.give_back()
    assert allowance.take(NOW - 10**6)


@pytest.mark.parametrize("name", ["", "x" * 1025, "a\nb"])
def test_a_name_that_is_none_is_never_looked_for(name):
    with pytest.raises(MalformedRequestError):
        KeySource(lambda _: "", lambda *_: {}).find(name, now=NOW)


class Vendor:
    def __init__(self, *names):
        self.names = names
        self.failing = None

    async def get(self, url, /):
        if self.failing is not None:
            raise self.failing
        return Response(status=200, headers={}, body=json.dumps(dict.fromkeys(self.names)).encode())


def test_what_is_kept_is_bounded_and_good_addresses_outlive_empty_ones():
    keys = KeySource(lambda name: f"https://keys.example/{name}", lambda body, *_: json.loads(body))
    vendor, time = Vendor("good"), NOW

    async def fetch(name):
        await keys.fetch(name, vendor, lambda: time)

    asyncio.run(fetch("good"))
    for number in range(DOCUMENTS_MAX + NAMES_MAX + 5):
        time += 10
        asyncio.run(fetch(f"forged-{number}"))
    assert len(keys._documents) == DOCUMENTS_MAX
    assert len(keys._unknown) == NAMES_MAX
    vendor.names = ()
    with pytest.raises(UnknownKeyError):
        keys.find(f"forged-{number}", now=time)
    with pytest.raises(KeyNeededError):
        keys.find("forged-0", now=time)


def test_a_fetch_that_is_cancelled_counts_as_one_that_failed():
    keys = KeySource(lambda _: "https://keys.example", lambda body, *_: json.loads(body))
    vendor = Vendor()
    vendor.failing = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keys.fetch("k", vendor, lambda: NOW))
    with pytest.raises(KeyUnavailableError):
        keys.find("k", now=NOW)
    vendor.failing = UnavailableError("down")
    asyncio.run(keys.fetch("k", vendor, lambda: NOW))


def test_whoever_calls_a_scheme_alone_is_told_what_to_fetch():
    scheme = Published("https://keys.example")
    request = WebhookRequest(headers=signed("k1"), body=b"evt_1")
    with pytest.raises(KeyNeededError) as needed:
        scheme.verify(request, now=NOW)

    class Keys:
        async def get(self, url, /):
            return Response(status=200, headers={}, body=document("k1"))

    asyncio.run(needed.value.keys.fetch(needed.value.name, Keys(), lambda: NOW))
    assert scheme.verify(request, now=NOW).events


def test_what_waited_in_a_loop_that_is_gone_holds_nobody_up():
    class HangsAtFirst(Vendor):
        async def get(self, url, /):
            if not self.names:
                self.names = ("k",)
                await asyncio.Event().wait()
            return await super().get(url)

    fetching = KeyFetching(HangsAtFirst(), ManualClock())
    keys = KeySource(lambda _: "https://keys.example", lambda body, *_: json.loads(body))
    heard = []

    async def abandoned():
        fetching.wait(KeyNeededError(keys, "k"), 1, heard.append)
        await asyncio.sleep(0)

    async def another():
        fetching.wait(KeyNeededError(keys, "k"), 1, heard.append)
        while True not in heard:
            await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(abandoned())
    asyncio.run(asyncio.wait_for(another(), 10))
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert heard == [True, False]


def test_without_anybody_who_fetches_it_is_said_at_once(rig):
    one = rig()
    scheme = Published("https://keys.example")
    one.inbox.configure(
        {"pay": Source(name="pay", scheme=scheme, body_bytes_max=ROOM, keys=scheme.keys)}
    )

    async def scenario():
        assert await one.submit("pay", signed("k1"), b"evt_1") == UNAVAILABLE

    one.play(scenario)
