"""One hub in many loops, threads and forked children: each works, or is refused at once."""

import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from hardpoint.core.money import Money
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.providers.aws.fake import FakeS3
from hardpoint.providers.sendgrid.fake import API_KEY as MAIL_KEY
from hardpoint.providers.sendgrid.fake import FakeSendGrid
from hardpoint.providers.stripe.fake import SECRET_KEY as PAY_KEY
from hardpoint.providers.stripe.fake import FakeStripe
from hardpoint.sync import Hub as BlockingHub
from hardpoint.webhooks.verification import scheme

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
MAIL = {"to": ["ann@customer.example"], "subject": "Left", "text": "hi"}
CONNECTIONS = """
[connections.billing]
provider = "stripe"
secret_key = "env:HP_PAY"
base_url = "{pay}"

[connections.mail]
provider = "sendgrid"
api_key = "env:HP_MAIL"
from = "Shop <orders@shop.example>"
base_url = "{mail}"
"""
RECEIVING = """
[store]
url = "sqlite:events.db"

[webhooks.shop]
provider = "standard"
secrets = ["env:HP_SECRET"]
"""


@pytest.fixture
def vendors(monkeypatch):
    monkeypatch.setenv("HP_PAY", PAY_KEY)
    monkeypatch.setenv("HP_MAIL", MAIL_KEY)
    pay, mail = FakeStripe(), FakeSendGrid()
    with FakeServer(pay) as one, FakeServer(mail) as other:
        yield {"pay": one.url, "mail": other.url, "sent": mail}
    pay.emitter.close()
    mail.emitter.close()


@pytest.fixture
def calling(tmp_path, vendors):
    """A configuration that only calls out, and names no store."""
    path = tmp_path / "hardpoint.toml"
    path.write_text(CONNECTIONS.format(**vendors))
    return path


@pytest.fixture
def receiving(tmp_path, monkeypatch):
    monkeypatch.setenv("HP_SECRET", SECRET)
    path = tmp_path / "receiving.toml"
    path.write_text(RECEIVING)
    return path


def signed(number: int) -> tuple[dict[str, str], bytes]:
    body = json.dumps({"type": "paid", "id": number}).encode()
    headers = scheme("standard", secrets=[SECRET]).sign(
        body, now=time.time(), event_id=f"evt_{number}", event_type="paid"
    )
    return dict(headers), body


def ask(client: TestClient, number: int, path: str = "/hooks/shop") -> int:
    headers, body = signed(number)
    return client.post(path, headers=headers, content=body).status_code


def pay(hub: BlockingHub, number: int) -> bool:
    """Whether the payment that came back is the one that was made."""
    reference = f"{os.getpid()}-{number}"
    amount = Money(f"{1 + number}.{os.getpid() % 100:02}", "EUR")
    made = hub.payments("billing").create_payment(
        amount,
        payment_method="pm_card_visa",
        metadata={"order": reference},
        idempotency_key=f"order-{reference}",
    )
    return made.metadata["order"] == reference and made.amount == amount


# Forks


def test_after_a_fork_every_child_gets_its_own_payments_and_none_hangs(calling, forked):
    with BlockingHub.load(calling) as hub:
        assert pay(hub, 0)
        with ThreadPoolExecutor(8) as pool:
            children = [
                pool.submit(forked, lambda: [pay(hub, number) for number in range(3)])
                for _ in range(8)
            ]
            assert [one.result(60) for one in children] == [[True] * 3] * 8
        assert pay(hub, 1)


def test_after_a_fork_every_child_reads_its_own_files(tmp_path, monkeypatch, forked):
    vendor = FakeS3()
    facts = vendor.facts.settings
    monkeypatch.setenv("HP_SECRET_KEY", facts["secret_access_key"])
    with FakeServer(vendor) as server:
        path = tmp_path / "hardpoint.toml"
        path.write_text(
            f"""
[connections.files]
provider = "aws"
bucket = "{facts["bucket"]}"
region = "{facts["region"]}"
access_key_id = "{facts["access_key_id"]}"
secret_access_key = "env:HP_SECRET_KEY"
endpoint_url = "{server.url}"
"""
        )
        with BlockingHub.load(path) as hub:
            files = hub.storage("files")
            for number in range(8):
                files.put(f"{number}.txt", str(number).encode() * 5000)

            def read(number: int) -> bool:
                return all(
                    files.get(f"{one}.txt").data == str(one).encode() * 5000
                    for one in (number, (number + 1) % 8)
                )

            with ThreadPoolExecutor(8) as pool:
                children = [pool.submit(forked, lambda n=n: read(n)) for n in range(8)]
                assert all(one.result(60) for one in children)


def _worker(hub: BlockingHub, queue) -> None:
    queue.put([pay(hub, number) for number in range(3)])


def test_the_workers_of_multiprocessing_and_of_a_preloading_server_work_likewise(calling):
    context = multiprocessing.get_context("fork")
    with BlockingHub.load(calling) as hub:
        assert pay(hub, 0)
        queue = context.Queue()
        workers = [context.Process(target=_worker, args=(hub, queue)) for _ in range(4)]
        for worker in workers:
            worker.start()
        assert [queue.get(timeout=60) for _ in workers] == [[True] * 3] * 4
        for worker in workers:
            worker.join(30)
            assert worker.exitcode == 0


def test_a_hub_whose_store_was_open_before_the_fork_has_its_keys_written_down_by_its_parent(
    calling, forked
):
    with BlockingHub.load(calling) as hub:
        hub.email("mail").send(**MAIL, idempotency_key="parent")

        def child():
            hub.email("mail").send(**MAIL)  # without a key nothing is written down
            return hub.email("mail").send(**MAIL, idempotency_key="child").id

        made = forked(child)
        assert hub.email("mail").send(**MAIL, idempotency_key="child").id == made
        hub.email("mail").send(**MAIL, idempotency_key="parent again")


# Loops


@pytest.mark.parametrize("keyed", [False, True])
def test_several_runs_with_one_hub_send_every_mail(calling, vendors, keyed):
    hub = Hub.load(calling)
    for number in range(6):
        key = {"idempotency_key": f"order-{number}"} if keyed else {}
        asyncio.run(asyncio.wait_for(hub.email("mail").send(**MAIL, **key), 20))
    asyncio.run(hub.stop())


@pytest.mark.parametrize("keyed", [False, True])
def test_a_loop_in_each_thread_sends_every_mail(calling, vendors, keyed):
    hub = Hub.load(calling)

    def send(number: int) -> None:
        key = {"idempotency_key": f"order-{number}"} if keyed else {}
        asyncio.run(asyncio.wait_for(hub.email("mail").send(**MAIL, **key), 30))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(8)))
    asyncio.run(hub.stop())


def test_a_test_client_without_its_with_gets_every_request_answered(receiving):
    hub = Hub.load(receiving)
    handled = []

    @hub.on("shop")
    def handle(event, job):
        handled.append(event.vendor_id)

    client = TestClient(Starlette(routes=[Mount("/hooks", hub.asgi())]))
    assert [ask(client, number) for number in range(5)] == [200] * 5
    asyncio.run(hub.stop())
    with TestClient(hub.asgi()):
        deadline = time.monotonic() + 20
        while len(set(handled)) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.01)


async def at_rest() -> None:
    """Until nothing else is under way in this loop."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


@contextlib.contextmanager
def running_loop():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(at_rest(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def test_a_webhook_that_comes_in_another_loop_than_the_hubs_is_handed_over(receiving):
    hub = Hub.load(receiving)
    with running_loop() as loop:
        asyncio.run_coroutine_threadsafe(hub.start(), loop).result(30)
        client = TestClient(Starlette(routes=[Mount("/hooks", hub.asgi())]))
        assert [ask(client, number) for number in range(3)] == [200] * 3
        asyncio.run(hub.start())  # it runs already, there
        asyncio.run(hub.stop())
    assert not hub.store.is_open


def test_a_hub_whose_loop_stands_still_is_started_where_it_is_asked(receiving):
    hub = Hub.load(receiving)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(hub.start())
    client = TestClient(Starlette(routes=[Mount("/hooks", hub.asgi())]))
    assert [ask(client, number) for number in range(2)] == [200] * 2
    loop.run_until_complete(asyncio.sleep(0.01))  # what was left there ends, and disturbs nobody
    assert hub.failure is None
    assert ask(client, 3) == 200
    loop.run_until_complete(hub.stop())
    loop.close()


def test_a_stop_elsewhere_waits_no_longer_than_its_bound(receiving, monkeypatch):
    monkeypatch.setattr("hardpoint.hub.life.ELSEWHERE_SECONDS", 0.05)
    hub = Hub.load(receiving)
    going = threading.Event()
    with running_loop() as loop:
        asyncio.run_coroutine_threadsafe(hub.start(), loop).result(30)
        loop.call_soon_threadsafe(going.wait, 30)
        with pytest.raises(Exception, match="stop it there"):
            asyncio.run(hub.stop(0))
        going.set()


# Processes


def test_a_second_worker_hands_over_to_the_first_and_then_takes_its_place(receiving):
    first, second = Hub.load(receiving), Hub.load(receiving)
    handled = []

    @first.on("shop")
    @second.on("shop")
    def handle(event, job):
        handled.append(event.vendor_id)

    with TestClient(first.asgi()) as one, TestClient(second.asgi()) as other:
        assert [ask(one, 1, "/webhooks/shop"), ask(other, 2, "/webhooks/shop")] == [200, 200]
        one.portal.call(first.stop)
        assert ask(other, 3, "/webhooks/shop") == 200
        deadline = time.monotonic() + 20
        while len(handled) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert sorted(handled) == ["evt_1", "evt_2", "evt_3"]


def test_a_second_server_ends_at_once_with_the_remedy(receiving):
    command = [sys.executable, "-m", "hardpoint", "serve", "--config", str(receiving), "--port"]
    with open_store(receiving):
        began = time.monotonic()
        second = subprocess.run(
            [*command, "0"], capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode != 0
        assert "--workers" in second.stderr
        assert time.monotonic() - began < 40


@contextlib.contextmanager
def open_store(configuration):
    """Another process that holds the store."""
    script = """
        import asyncio, sys
        from hardpoint.hub.hub import Hub
        hub = Hub.load(sys.argv[1])
        asyncio.run(hub.store.open())  # it does not listen
        print("open", flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(configuration)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        yield
        process.send_signal(signal.SIGKILL)


# What nobody uses


def test_a_script_that_only_sends_needs_no_store_and_opens_none(calling, vendors):
    with BlockingHub.load(calling) as hub:
        assert pay(hub, 0)
        hub.email("mail").send(**MAIL)

    async def scene():
        async with Hub.load(calling) as hub:
            await hub.email("mail").send(**MAIL)

    asyncio.run(scene())
    assert [one.name for one in calling.parent.iterdir()] == ["hardpoint.toml"]


def test_a_key_that_has_to_be_written_down_opens_a_store_beside_the_configuration(calling):
    with BlockingHub.load(calling) as hub:
        first = hub.email("mail").send(**MAIL, idempotency_key="order-1")
        assert hub.email("mail").send(**MAIL, idempotency_key="order-1") == first
    assert (calling.parent / "hardpoint.db").is_file()
