import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hardpoint.hub.asgi import HEADER_BYTES_MAX, HEADERS_MAX, InboxApp, declared_length, source_of
from hardpoint.hub.bodies import BodyBudget
from hardpoint.webhooks.answers import METHOD_NOT_ALLOWED, STORED, UNAUTHORIZED, Answer

CAP = 100


class Receiver:
    """Answers at once, or when told to."""

    def __init__(self, answer: Answer | None = STORED) -> None:
        self.answer = answer
        self.taken: list[tuple[str, bytes]] = []
        self.waiting: list[Callable[[Answer], None]] = []
        self.refusals: list[tuple[str, str]] = []

    @property
    def body_bytes_max(self) -> int:
        return CAP

    def greeting(self, source, headers, arrival) -> Answer:
        return METHOD_NOT_ALLOWED

    def submit(self, source, headers, body, done, arrival=None) -> None:
        self.taken.append((source, body))
        if self.answer is None:
            self.waiting.append(done)
        else:
            done(self.answer)

    def refused(self, source: str, reason: str) -> None:
        self.refusals.append((source, reason))


class Client:
    """Calls an ASGI application as a server would."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        self.pieces_read = 0

    async def __call__(
        self,
        method: str,
        path: str,
        *pieces: bytes,
        headers: list[tuple[bytes, bytes]] | None = None,
        hang_up: bool = False,
        **scope: Any,
    ) -> Answer | None:
        left = list(pieces or (b"",))
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not left:
                return {"type": "http.disconnect"}
            self.pieces_read += 1
            more = len(left) > 1 or hang_up
            return {"type": "http.request", "body": left.pop(0), "more_body": more}

        async def send(message) -> None:
            sent.append(dict(message))

        await self.app(
            {
                "type": "http",
                "method": method,
                "path": path,
                "query_string": b"",
                "headers": headers or [],
                **scope,
            },
            receive,
            send,
        )
        if not sent:
            return None
        start, body = sent
        return Answer(status=start["status"], headers=tuple(start["headers"]), body=body["body"])


def call(app: Callable[..., Awaitable[None]], *arguments: Any, **options: Any) -> Answer | None:
    return asyncio.run(Client(app)(*arguments, **options))


def status(answer: Answer | None) -> int:
    assert answer is not None
    return answer.status


def test_a_webhook_reaches_the_receiver_and_its_answer_comes_back_with_its_length():
    receiver = Receiver()
    answer = call(InboxApp(receiver), "POST", "/webhooks/billing", b"he", b"", b"ll", b"o")
    assert receiver.taken == [("billing", b"hello")]
    assert answer is not None
    assert answer.status == 200
    assert answer.body == STORED.body
    assert (b"content-length", b"%d" % len(STORED.body)) in answer.headers


def test_an_answer_without_a_body_by_its_status_has_no_length():
    answer = call(InboxApp(Receiver(Answer(status=204, headers=()))), "POST", "/webhooks/chat")
    assert answer == Answer(status=204, headers=())


def test_a_body_gives_way_to_others_when_the_budget_is_spent():
    receiver = Receiver()
    bodies = BodyBudget(100)
    app = InboxApp(receiver, bodies=bodies)

    async def scenario():
        """The first is half here when two others come whole, which leaves no room for it."""
        went_on = asyncio.Event()
        answers = []

        async def slow():
            yield {"type": "http.request", "body": b"x" * 60, "more_body": True}
            await went_on.wait()
            yield {"type": "http.request", "body": b"x" * 10, "more_body": False}

        async def send(message):
            answers.append(message)

        pieces = slow()
        scope = {"type": "http", "method": "POST", "path": "/webhooks/slow", "headers": []}
        first = asyncio.create_task(app(scope, pieces.__anext__, send))
        await asyncio.sleep(0)
        assert bodies.used == 60
        second = await Client(app)("POST", "/webhooks/billing", b"x" * 50)
        assert bodies.used == 0
        went_on.set()
        await first
        assert second is not None
        return second.status, answers[0]["status"]

    assert asyncio.run(scenario()) == (200, 503)
    assert receiver.refusals == [("slow", "bodies")]
    assert receiver.taken == [("billing", b"x" * 50)]


def test_a_body_is_refused_when_those_that_wait_for_their_answer_leave_no_room():
    receiver = Receiver(None)
    app = InboxApp(receiver, bodies=BodyBudget(100))

    async def scenario():
        first = asyncio.create_task(Client(app)("POST", "/webhooks/billing", b"x" * 60))
        while not receiver.waiting:
            await asyncio.sleep(0)
        refused = await Client(app)("POST", "/webhooks/billing", b"x" * 50)
        receiver.waiting[0](STORED)
        answered = await first
        assert answered is not None
        assert refused is not None
        return answered.status, refused.status

    assert asyncio.run(scenario()) == (200, 503)


@pytest.mark.parametrize("path", ["/webhooks/billing", "/webhooks/billing/"])
def test_a_slash_at_the_end_changes_nothing(path):
    receiver = Receiver(STORED)
    answer = call(InboxApp(receiver), "POST", path)
    assert answer is not None
    assert answer.status == 200
    assert receiver.taken == [("billing", b"")]


@pytest.mark.parametrize(
    ("method", "path", "expected", "allow"),
    [
        ("GET", "/healthz", 200, None),
        ("HEAD", "/healthz", 200, None),
        ("POST", "/healthz", 405, b"GET, HEAD"),
        ("GET", "/webhooks/billing", 405, b"POST"),
        ("PUT", "/webhooks/billing", 405, b"POST"),
        ("HEAD", "/webhooks/billing", 405, b"POST"),
        ("POST", "/", 404, None),
        ("POST", "/billing", 404, None),
        ("POST", "/webhooks", 404, None),
        ("POST", "/webhooks/", 404, None),
        ("POST", "/webhooks/billing//", 404, None),
        ("POST", "/webhooks/a/b", 404, None),
        ("POST", "/webhooks//billing", 404, None),
    ],
)
def test_only_the_paths_and_methods_we_serve_are_served(method, path, expected, allow):
    receiver = Receiver(UNAUTHORIZED)
    answer = call(InboxApp(receiver), method, path)
    assert answer is not None
    assert answer.status == expected
    assert dict(answer.headers).get(b"allow") == allow
    assert receiver.taken == []


def test_where_it_is_mounted_the_prefix_names_sources_too():
    receiver = Receiver()
    app = Starlette(routes=[Mount("/hooks", InboxApp(receiver))])
    for path in ("/hooks/billing", "/hooks/webhooks/billing"):
        assert status(call(app, "POST", path)) == 200
    assert status(call(app, "GET", "/hooks/healthz")) == 200
    assert status(call(app, "POST", "/hooks/healthz")) == 405
    assert status(call(app, "POST", "/hooks/a/b")) == 404
    assert receiver.taken == [("billing", b""), ("billing", b"")]


def test_a_mount_whose_prefix_is_not_in_the_path_works_as_well():
    receiver = Receiver()
    assert status(call(InboxApp(receiver), "POST", "/billing", root_path="/hooks/")) == 200
    assert receiver.taken == [("billing", b"")]


def test_a_source_is_one_segment_below_webhooks():
    assert source_of("/webhooks/billing") == "billing"
    assert source_of("/billing") is None
    assert source_of("/billing", mounted=True) == "billing"
    assert source_of("/", mounted=True) is None


def test_a_declared_length_over_the_cap_is_refused_before_reading():
    receiver = Receiver()
    client = Client(InboxApp(receiver))
    headers = [(b"host", b"h"), (b"content-length", b"%d" % (CAP + 1))]
    assert status(asyncio.run(client("POST", "/webhooks/a", b"x", headers=headers))) == 413
    assert (client.pieces_read, receiver.taken) == (0, [])
    assert receiver.refusals == [("a", "too_large")]


def test_an_undeclared_body_is_counted_and_refused_as_soon_as_it_passes_the_cap():
    receiver = Receiver()
    client = Client(InboxApp(receiver))
    pieces = [b"x" * CAP, b"x", *[b"y"] * 50]
    assert status(asyncio.run(client("POST", "/webhooks/a", *pieces))) == 413
    assert (client.pieces_read, receiver.taken) == (2, [])
    assert receiver.refusals == [("a", "too_large")]


def test_a_body_as_large_as_the_cap_is_taken():
    receiver = Receiver()
    headers = [(b"content-length", b"%d" % CAP)]
    assert status(call(InboxApp(receiver), "POST", "/webhooks/a", b"x" * CAP, headers=headers))
    assert receiver.taken == [("a", b"x" * CAP)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"12", 12), (b"-1", 0), (b"", 0), (b"+5", 0), (b"1e3", 0), (b"\xb2", 0)],
)
def test_a_length_counts_only_when_it_is_a_plain_number(value, expected):
    assert declared_length([(b"x", b"7"), (b"content-length", value)]) == expected


def test_an_absurd_length_is_larger_than_any_cap():
    assert declared_length([(b"content-length", b"9" * 5000)]) > 2**60


def test_a_client_that_leaves_in_the_middle_of_a_body_has_nothing_stored_and_no_answer():
    receiver = Receiver()
    assert call(InboxApp(receiver), "POST", "/webhooks/a", b"half", hang_up=True) is None
    assert (receiver.taken, receiver.refusals) == ([], [])


@pytest.mark.parametrize(
    "headers",
    [
        [(b"a", b"")] * (HEADERS_MAX + 1),
        [(b"a", b"x" * HEADER_BYTES_MAX)],
        [(b"x" * HEADER_BYTES_MAX, b"a")],
    ],
)
def test_too_many_or_too_large_headers_are_refused(headers):
    receiver = Receiver()
    assert status(call(InboxApp(receiver), "POST", "/webhooks/a", headers=headers)) == 431
    assert receiver.taken == []


def test_a_target_counts_as_header_bytes():
    app = InboxApp(Receiver())
    assert status(call(app, "POST", "/webhooks/" + "a" * HEADER_BYTES_MAX)) == 431
    query = b"a" * HEADER_BYTES_MAX
    assert status(call(app, "POST", "/webhooks/a", query_string=query)) == 431


def test_a_cancelled_request_leaves_the_commit_alone():
    async def scenario() -> None:
        receiver = Receiver(None)
        request = asyncio.create_task(Client(InboxApp(receiver))("POST", "/webhooks/a", b"1"))
        while not receiver.waiting:
            await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        receiver.waiting[0](STORED)

    asyncio.run(scenario())


def test_an_answer_that_comes_later_is_waited_for():
    async def scenario() -> None:
        receiver = Receiver(None)
        request = asyncio.create_task(Client(InboxApp(receiver))("POST", "/webhooks/a", b"1"))
        while not receiver.waiting:
            await asyncio.sleep(0)
        assert not request.done()
        receiver.waiting[0](UNAUTHORIZED)
        assert status(await request) == 401

    asyncio.run(scenario())


def test_a_receiver_that_fails_is_answered_503():
    class Broken(Receiver):
        def submit(self, source, headers, body, done, arrival=None) -> None:
            raise RuntimeError("a defect")

    assert status(call(InboxApp(Broken()), "POST", "/webhooks/a")) == 503


def test_without_lifespan_the_first_webhooks_start_it_once():
    async def scenario() -> None:
        starts: list[int] = []
        ready = asyncio.Event()

        async def start() -> None:
            starts.append(1)
            await ready.wait()

        receiver = Receiver()
        client = Client(InboxApp(receiver, start=start))
        assert status(await client("GET", "/healthz")) == 200
        assert starts == []
        requests = [asyncio.create_task(client("POST", "/webhooks/a", b"1")) for _ in range(5)]
        while not starts:
            await asyncio.sleep(0)
        assert receiver.taken == []
        ready.set()
        assert [status(answer) for answer in await asyncio.gather(*requests)] == [200] * 5
        assert status(await client("POST", "/webhooks/a")) == 200
        assert starts == [1]

    asyncio.run(scenario())


def test_a_start_that_fails_is_answered_503_and_tried_again_by_the_next_request():
    async def scenario() -> None:
        failures = [OSError("locked"), OSError("locked")]

        async def start() -> None:
            await asyncio.sleep(0)
            if failures:
                raise failures.pop()

        receiver = Receiver()
        client = Client(InboxApp(receiver, start=start))
        together = await asyncio.gather(*(client("POST", "/webhooks/a") for _ in range(3)))
        assert [status(answer) for answer in together] == [503] * 3
        assert dict(together[0].headers)[b"retry-after"] == b"5"
        assert len(failures) == 1
        assert status(await client("POST", "/webhooks/a")) == 503
        assert status(await client("POST", "/webhooks/a")) == 200
        assert len(receiver.taken) == 1

    asyncio.run(scenario())


def test_a_first_request_that_is_cancelled_does_not_cancel_the_start():
    async def scenario() -> None:
        ready = asyncio.Event()
        client = Client(InboxApp(Receiver(), start=ready.wait))
        impatient = asyncio.create_task(client("POST", "/webhooks/a"))
        patient = asyncio.create_task(client("POST", "/webhooks/a"))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        ready.set()
        assert status(await patient) == 200

    asyncio.run(scenario())


def live(app: InboxApp) -> list[str]:
    """What the application says in a whole lifespan."""
    said: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup" if not said else "lifespan.shutdown"}

    async def send(message) -> None:
        said.append(message["type"].removeprefix("lifespan."))

    asyncio.run(app({"type": "lifespan"}, receive, send))
    return said


def test_the_lifespan_starts_and_stops():
    done: list[str] = []

    async def start() -> None:
        done.append("start")

    async def stop() -> None:
        done.append("stop")

    assert live(InboxApp(Receiver(), start=start, stop=stop)) == [
        "startup.complete",
        "shutdown.complete",
    ]
    assert done == ["start", "stop"]
    assert live(InboxApp(Receiver())) == ["startup.complete", "shutdown.complete"]


def test_the_lifespan_tells_the_server_of_failures():
    async def fail() -> None:
        raise OSError("no")

    assert live(InboxApp(Receiver(), start=fail)) == ["startup.failed"]
    assert live(InboxApp(Receiver(), stop=fail)) == ["startup.complete", "shutdown.failed"]


def test_a_websocket_is_closed_and_an_unknown_protocol_refused():
    said: list[dict[str, Any]] = []

    async def send(message) -> None:
        said.append(dict(message))

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing to hear")

    app = InboxApp(Receiver())
    asyncio.run(app({"type": "websocket"}, receive, send))
    assert said == [{"type": "websocket.close", "code": 1000}]
    with pytest.raises(NotImplementedError):
        asyncio.run(app({"type": "gopher"}, receive, send))


async def _begun() -> None:
    pass


def test_a_webhook_that_comes_as_the_hub_stops_is_told_to_come_again():
    loop = asyncio.new_event_loop()
    homes = iter([loop, None])
    app = InboxApp(Receiver(), start=_begun, home=lambda: next(homes))
    app._started = True
    assert status(call(app, "POST", "/webhooks/a")) == 503
    loop.close()


def test_a_webhook_for_a_loop_that_was_closed_this_instant_is_told_to_come_again():
    loop = asyncio.new_event_loop()
    loop.close()
    assert status(call(InboxApp(Receiver(), home=lambda: loop), "POST", "/webhooks/a")) == 503


def test_a_store_that_does_not_answer_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr("hardpoint.hub.asgi.ANSWER_SECONDS", 0.01)

    class Silent(Receiver):
        def submit(self, source, headers, body, done, arrival=None):
            pass

    assert status(call(InboxApp(Silent()), "POST", "/webhooks/a")) == 503


def test_what_was_started_and_takes_no_webhooks_yet_stops_no_site_and_reads_no_body():
    began = []

    async def start() -> None:
        began.append(1)

    waits = InboxApp(Receiver(), start=start, home=lambda: None)
    assert live(waits) == ["startup.complete", "shutdown.complete"]
    client = Client(waits)
    assert status(asyncio.run(client("POST", "/webhooks/a", b"1"))) == 503
    assert (client.pieces_read, len(began)) == (0, 2)
