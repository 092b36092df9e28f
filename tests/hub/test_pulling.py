"""Queues that feed the inbox: each message an event, acknowledged once it is committed."""

import asyncio
import time

import pytest

from hardpoint.core.errors import ConfigurationError, StoreUnavailableError
from hardpoint.fakes.faults import status
from hardpoint.fakes.server import FakeServer
from hardpoint.hub import pulling
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.providers.aws.fake_sqs import QUEUE, SECRET_ACCESS_KEY, FakeSqs, SqsRefusedError
from hardpoint.queues import ConsumerHeldUp

CONFIGURATION = """
[store]
url = "sqlite:events.db"
[connections.jobs]
provider = "aws.sqs"
queue_url = "{url}/123456789012/jobs"
region = "eu-central-1"
access_key_id = "AKIAFAKE"
secret_access_key = "env:QUEUE_SECRET"
[sources.orders]
connection = "jobs"
{more}
"""


@pytest.fixture
def vendor():
    return FakeSqs()


@pytest.fixture
def server(vendor):
    with FakeServer(vendor) as server:
        yield server


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(pulling, "_LOOK_SECONDS", 0.02)


@pytest.fixture
def make(tmp_path, monkeypatch, server):
    """A hub whose source is a queue; what it tells goes to `told`."""
    monkeypatch.setenv("QUEUE_SECRET", SECRET_ACCESS_KEY)

    def make(more="", told=None):
        path = tmp_path / "hardpoint.toml"
        path.write_text(CONFIGURATION.format(url=server.url, more=more))
        return Hub.load(path, listeners=[] if told is None else [told.append])

    return make


def put(vendor, body, **attributes):
    named = {
        name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
    }
    return vendor.send(vendor.queues[QUEUE], {"MessageBody": body, "MessageAttributes": named})


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_message_is_handled_as_an_event_and_acknowledged(make, vendor):
    hub, seen = make(), []
    sent = put(vendor, '{"type": "placed", "order": 17}', request="r-1")
    put(vendor, "no json")

    @hub.on("orders", "placed")
    async def placed(event, job):
        seen.append((event.vendor_id, event.json()["order"], event.headers["request"]))

    @hub.on("orders")
    def every(event, job):
        seen.append(event.type)

    async def play():
        async with hub:
            await until(lambda: len(seen) == 3 and not vendor.queues[QUEUE])

    asyncio.run(play())
    assert sorted(map(str, seen)) == sorted([str((sent["MessageId"], 17, "r-1")), "placed", ""])


def test_no_letter_of_an_attribute_is_lost(make, vendor):
    hub, seen = make('type_from = "header:kind"'), []
    put(vendor, "a", kind="zamówienie.złożone", customer="Łukasz", plain="né", odd="UTF-8''x")

    @hub.on("orders", "zamówienie.złożone")
    async def placed(event, job):
        seen.append(event.headers)

    async def play():
        async with hub:
            await until(lambda: seen and not vendor.queues[QUEUE])

    asyncio.run(play())
    (headers,) = seen
    assert headers["customer"] == "UTF-8''%C5%81ukasz"
    assert headers["plain"] == "né"
    assert headers["odd"] == "UTF-8''UTF-8%27%27x"


def test_a_message_that_comes_again_is_not_handled_again(make, vendor):
    hub, seen = make('type_from = "header:kind"'), []
    put(vendor, "a", kind="placed")

    @hub.on("orders", "placed")
    async def placed(event, job):
        seen.append(event.vendor_id)

    (again,) = vendor.queues[QUEUE]

    async def play():
        async with hub:
            await until(lambda: seen and not vendor.queues[QUEUE])
            again.visible_at = 0.0
            vendor.queues[QUEUE].append(again)
            await until(lambda: not vendor.queues[QUEUE])

    asyncio.run(play())
    assert len(seen) == 1


def test_nothing_is_acknowledged_that_the_store_would_not_take(make, vendor, monkeypatch):
    told = []
    hub = make(told=told)
    put(vendor, "a")
    taken = []

    @hub.on("orders")
    async def every(event, job):
        taken.append(event)

    accept, refusals = hub.shared.accept, [3]

    def refuse(event, done):
        if refusals[0]:
            refusals[0] -= 1
            assert vendor.queues[QUEUE]
            done(StoreUnavailableError("full"))
        else:
            accept(event, done)

    monkeypatch.setattr(type(hub.shared), "accept", lambda _, event, done: refuse(event, done))

    async def play():
        async with hub:
            await until(lambda: taken and not vendor.queues[QUEUE])

    asyncio.run(play())
    assert len(taken) == 1
    assert vendor.queues[QUEUE] == []


def test_what_is_wrong_with_the_queue_is_told_and_tried_again(make, vendor, server, monkeypatch):
    monkeypatch.setattr(pulling, "HELD_UP_SECONDS_MAX", 0.01)
    told, seen = [], []
    hub = make(told=told, more="")
    server.faults.next(status(403), times=2)
    put(vendor, "a")

    @hub.on("orders")
    async def every(event, job):
        seen.append(event)

    async def play():
        async with hub:
            await until(lambda: seen and not vendor.queues[QUEUE])

    asyncio.run(play())
    held_up = [one for one in told if isinstance(one, ConsumerHeldUp)]
    assert [(one.connection, one.doing) for one in held_up] == [("jobs", "receive")] * 2


def test_what_cannot_be_acknowledged_is_told_and_known_when_it_comes_again(make, vendor, server):
    told, seen = [], []
    hub = make(told=told)
    put(vendor, "a")

    @hub.on("orders")
    async def every(event, job):
        seen.append(event)

    real, refusals = vendor.delete, [1]

    def delete(queue, document):
        if refusals[0]:
            refusals[0] = 0
            queue[0].visible_at = 0.0
            raise SqsRefusedError("ReceiptHandleIsInvalid")
        real(queue, document)

    vendor.delete = delete

    async def play():
        async with hub:
            await until(lambda: seen and not vendor.queues[QUEUE])

    asyncio.run(play())
    assert len(seen) == 1
    assert [one.doing for one in told if isinstance(one, ConsumerHeldUp)] == ["acknowledge"]


def test_no_more_is_asked_for_than_may_wait(make, vendor):
    hub = make("backlog = 10")
    for number in range(40):
        put(vendor, f"{number}")
    go_on = asyncio.Event()

    @hub.on("orders")
    async def every(event, job):
        await go_on.wait()

    async def play():
        async with hub:
            await until(lambda: len(vendor.queues[QUEUE]) <= 30)
            await asyncio.sleep(0.3)
            left = len(vendor.queues[QUEUE])
            go_on.set()
            await until(lambda: not vendor.queues[QUEUE])
        return left

    assert asyncio.run(play()) >= 20


def test_a_stop_in_the_middle_gives_back_what_was_not_committed(make, vendor, monkeypatch):
    hub = make()
    put(vendor, "a")
    waiting = []
    monkeypatch.setattr(
        type(hub.shared), "accept", lambda _, event, done: waiting.append((event, done))
    )

    @hub.on("orders")
    async def every(event, job):
        raise AssertionError

    async def play():
        async with hub:
            await until(lambda: waiting)

    asyncio.run(play())
    ((_, done),) = waiting
    done(StoreUnavailableError("too late"))
    (held,) = vendor.queues[QUEUE]
    assert held.visible_at <= time.time() + 1


def test_a_source_follows_the_configuration(make, vendor, tmp_path):
    hub, seen = make(), []
    path = tmp_path / "hardpoint.toml"
    text = path.read_text()

    @hub.on("orders")
    async def every(event, job):
        seen.append(event.body)

    async def play():
        async with hub:
            for number, more in enumerate(("", "backlog = 7", 'type_from = "header:a"'), 1):
                path.write_text(f"{text}\n{more}")
                await hub.reload()
                put(vendor, f"{number}")
                await until(lambda number=number: len(seen) == number)

    asyncio.run(play())
    assert sorted(seen) == [b"1", b"2", b"3"]


def test_a_defect_of_ours_is_a_failure_of_the_hub(make, monkeypatch):
    hub = make()

    @hub.on("orders")
    async def every(event, job):
        raise AssertionError

    async def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(pulling._Loop, "_round", broken)

    async def play():
        async with hub:
            await until(lambda: hub.failure is not None)

    asyncio.run(play())
    assert isinstance(hub.failure, ZeroDivisionError)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("odd = 1", "sources.orders.odd"),
        ('type_from = "kind"', "sources.orders.type_from"),
        ("backlog = 0", "sources.orders.backlog"),
        ("[sources.more]", "sources.more.connection"),
        ('[sources.more]\nconnection = "nothing"', "sources.more.connection"),
        (
            '[sources.more]\nconnection = "shop"\n[connections.shop]\nprovider = "sdk"',
            "sources.more.connection",
        ),
        (
            '[webhooks.orders]\nprovider = "stripe"\nsecrets = ["env:QUEUE_SECRET"]',
            "sources.orders",
        ),
    ],
)
def test_a_source_that_cannot_work_is_named(make, more, key):
    with pytest.raises(ConfigurationError) as caught:
        make(more)
    assert caught.value.key == key


def test_handlers_name_sources_that_are_there(make):
    hub = make()
    with pytest.raises(ConfigurationError, match=r"webhooks\.others"):
        hub.on("others")
    assert Settings().receives is False


def test_a_queue_that_does_not_wait_is_not_asked_without_end(make, server, monkeypatch):
    monkeypatch.setattr(pulling, "_LOOK_SECONDS", 30.0)
    hub, seen = make(), []
    receive = type(hub.queue("jobs").driver).receive

    async def counted(driver, **options):
        seen.append(options["wait"])
        return await receive(driver, **options)

    monkeypatch.setattr(type(hub.queue("jobs").driver), "receive", counted)

    @hub.on("orders")
    async def every(event, job):
        """Nothing comes."""

    async def play():
        async with hub:
            await until(lambda: seen)
            await asyncio.sleep(0.2)

    asyncio.run(play())
    assert 1 <= len(seen) <= 3
    assert seen[0] > 0
