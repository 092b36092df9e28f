"""Looking at a running server, and steering it: health, tail, calls, breaker."""

import asyncio
import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from types import SimpleNamespace

import httpx2
import pytest

from hardpoint.cli.failures import Exit
from hardpoint.core.correlation import correlated
from hardpoint.core.errors import CircuitOpenError, HardpointError
from hardpoint.hub.hub import Hub
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.server import Server
from hardpoint.testing import FakeRest, FakeServer, no_delays, status
from hardpoint.webhooks import scheme

CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]
[connections.crm]
provider = "rest"
base_url = "{url}"
key = "file:crm.key"
"""
BODY = b'{"id": "evt_1", "type": "paid"}'


class Site:
    """A server that runs in a thread of its own."""

    def __init__(self, hub, vendor):
        self.hub, self.vendor = hub, vendor
        self.ready = SimpleNamespace(url="", admin_url="")
        self._begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self):
        self.loop = asyncio.get_running_loop()
        self.server = Server(self.hub, port=0, admin_port=0, ready=self._told)
        await self.server.run()

    def _told(self, ready):
        self.ready = ready
        self._begun.set()

    def start(self):
        self._thread.start()
        assert self._begun.wait(20)
        return self

    def stop(self):
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.server.stop, "the test")
            self._thread.join(30)

    def stop_once_followed(self, count):
        """Stop it when so many follow what it tells, and have what was told before."""
        readers = self.hub.observation.recorder._readers

        def wait():
            until = time.monotonic() + 60
            while len(readers) < count and time.monotonic() < until:
                time.sleep(0.02)
            self.call_soon()

        threading.Thread(target=wait).start()

    def call_soon(self):
        self.loop.call_soon_threadsafe(lambda: self.loop.call_later(0.5, self.stop_now))

    def stop_now(self):
        self.server.stop("the test")

    def do(self, made):
        """Run something of the hub's in its loop."""

        async def run():
            return await made()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(20)

    def call(self, **options):
        async def made():
            with correlated("order-7"):
                return await self.hub.rest("crm").get("/deals/7", **options)

        return self.do(made)

    def deliver(self, secret="whsec_one"):
        signed = scheme("stripe", secrets=[secret]).sign(
            BODY, now=time.time(), event_id="evt_1", event_type="paid"
        )
        return httpx2.post(f"{self.ready.url}/webhooks/shop", content=BODY, headers=dict(signed))


@pytest.fixture
def site(folder, monkeypatch):
    monkeypatch.setenv("HOOK", "whsec_one")
    (folder / "crm.key").write_text("sk_crm_123456")
    (folder / "crm.key").chmod(0o600)
    with FakeServer(FakeRest()) as vendor, no_delays():
        told = (("x-request-id", "req_1"), ("x-ratelimit-limit", "100"))
        left = (("x-ratelimit-remaining", "40"), ("x-ratelimit-reset", "60"))
        vendor.app.on("GET /deals/7", {"id": 7}, headers=(*told, *left))
        (folder / "hardpoint.toml").write_text(CONFIGURATION.format(url=vendor.url))
        running = Site(Hub.load("hardpoint.toml"), vendor).start()
        monkeypatch.setenv("HARDPOINT_ADMIN", running.ready.admin_url)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def run(cli):
    def ran(*arguments, **options):
        return cli(*arguments, now=SystemClock(), **options)

    return ran


def test_health_says_how_a_connection_and_a_source_are(site, run):
    site.vendor.faults.next(status(503))
    site.call()
    assert site.deliver().status_code == 200
    done = run("health", "--json")
    assert done.code == 0, done.out
    (crm,) = done.data["connections"]
    assert (crm["name"], crm["state"], crm["calls"], crm["error_rate"]) == ("crm", "up", 1, 0.0)
    assert (crm["circuit"], crm["quota_left"], crm["quota_limit"]) == ("closed", 40, 100)
    assert 0 < crm["p95_seconds"] < 10
    assert crm["credentials"][0]["name"] == "connections.crm.key"
    assert crm["credentials"][0]["age_seconds"] >= 0
    (shop,) = done.data["sources"]
    assert (shop["state"], shop["waiting"], shop["dead"]) == ("up", 0, 0)
    assert abs(shop["last_at"] - time.time()) < 60
    assert done.data["role"] == "owner"


def test_health_fails_on_what_is_asked_for(site, run):
    site.deliver(secret="whsec_wrong")
    site.do(site.hub.receiver.flush)
    lines = run("health")
    assert lines.code == 0
    assert "shop: 1 refused: signature_mismatch" in lines.out
    degraded = run("health", "--fail-on", "degraded", "--json")
    assert (degraded.code, degraded.error["code"]) == (Exit.NO, "unhealthy")
    left = degraded.data["sources"][0]["vendor_gives_up_in"]
    assert 2.9 * 86400 < left <= 3 * 86400
    run("breaker", "open", "crm", "--reason", "they are down")
    assert run("health").code == Exit.NO


def test_health_is_watched_until_somebody_has_had_enough(site, run):
    looked = []

    def sleep(seconds):
        looked.append(seconds)
        if len(looked) == 2:
            raise KeyboardInterrupt

    watched = run("health", "--watch", tty=True, sleep=sleep)
    assert watched.code == Exit.INTERRUPTED
    assert watched.out.count("\x1b[H\x1b[2J") == 2
    looked.clear()
    lines = run("health", "--watch", "--json", sleep=sleep).out.splitlines()
    assert [json.loads(one)["state"] for one in lines[:2]] == ["up", "up"]


def test_without_a_server_health_is_what_the_store_says(site, run, monkeypatch):
    site.deliver()
    site.stop()
    done = run("health")
    assert done.code == 0
    assert "the store alone: no server answers" in done.err
    named = run("health", "--admin", site.ready.admin_url)
    assert named.code == Exit.UNREACHABLE
    assert "no server answers" in named.err


def test_calls_are_listed_shown_and_copied_as_curl(site, run):
    site.vendor.faults.next(status(503))
    site.call(query={"token": "abc"})
    listed = run("calls", "list", "--json").data
    (call,) = listed["calls"]
    assert (call["connection"], call["error"], call["correlation_id"]) == ("crm", None, "order-7")
    shown = run("calls", "show", call["id"][-12:])
    assert shown.code == 0, shown.err
    assert "unavailable" in shown.out
    assert "req_1" in shown.out
    first, second = run("calls", "show", call["id"], "--json").data["attempts"]
    assert (first["status"], second["status"], second["waited"] >= 0) == (503, 200, True)
    copied = run("calls", "curl", call["id"]).out
    url = f"{site.vendor.url}/deals/7"
    assert copied == f'curl -X GET -H "Authorization: $AUTHORIZATION" {url}\n'
    assert "sk_crm" not in copied + shown.out + json.dumps(listed)
    assert run("calls", "--failed", "--json").data["calls"] == []
    assert "crm" in run("calls").out
    assert run("calls", "show", "nobody").code == Exit.NO
    assert run("calls", "list", "--connection", "other", "--json").data["calls"] == []


def test_a_call_that_was_refused_has_nothing_to_copy(site, run):
    run("breaker", "open", "crm")
    with pytest.raises(CircuitOpenError):
        site.call()
    (call,) = run("calls", "list", "--failed", "--json").data["calls"]
    assert call["attempts"] == []
    assert run("calls", "curl", call["id"]).code == Exit.NO


def test_a_circuit_is_opened_and_closed_and_whose_it_is_is_said(site, run):
    assert run("breaker", "list", "--json").data["breakers"] == {"crm": {"": "closed"}}
    opened = run("breaker", "open", "crm", "--reason", "maintenance")
    assert opened.code == 0, opened.err
    assert "forced_open" in opened.out
    assert f"of process {os.getpid()} at {site.ready.admin_url} alone" in opened.err
    with pytest.raises(CircuitOpenError):
        site.call()
    assert "closed" in run("breaker", "close", "crm").out
    site.call()
    assert run("breaker", "open", "nobody").code == Exit.NO


def test_what_acts_is_refused_to_a_page_of_another_origin(site):
    url = f"{site.ready.admin_url}/breakers/crm"
    content = '{"action": "open"}'
    json_type = {"content-type": "application/json"}
    plain = httpx2.post(url, content=content, headers={"content-type": "text/plain"})
    foreign = httpx2.post(url, content=content, headers={**json_type, "origin": "https://x.y"})
    rebound = httpx2.post(url, content=content, headers={**json_type, "host": "evil.example"})
    odd = httpx2.post(url, content='{"action": "burn"}', headers=json_type)
    large = httpx2.post(url, content=b" " * 5000, headers=json_type)
    codes = [one.status_code for one in (plain, foreign, rebound, odd, large)]
    assert codes == [415, 403, 421, 400, 413]
    assert site.hub.open_circuits() == []


def test_a_token_is_wanted_where_one_is_set(site, run, monkeypatch):
    monkeypatch.setenv("HARDPOINT_ADMIN_TOKEN", "s3cret-nobody-guesses-it")
    assert run("breaker", "open", "crm").code == 0  # the command sends it
    url = f"{site.ready.admin_url}/breakers/crm"
    wrong = {"content-type": "application/json", "authorization": "Bearer wrong"}
    assert httpx2.post(url, content='{"action": "close"}', headers=wrong).status_code == 403
    assert site.hub.open_circuits() == ["crm"]


def test_the_token_may_stand_in_the_configuration(site, run, folder, monkeypatch):
    """The server is asked from this machine here; from others it wants it for reading too."""
    (folder / "admin.token").write_text("s3cret-nobody-guesses-it")
    (folder / "admin.token").chmod(0o600)
    written = (folder / "hardpoint.toml").read_text()
    (folder / "hardpoint.toml").write_text(written + '[admin]\ntoken = "file:admin.token"\n')
    site.do(site.hub.reload)
    url = f"{site.ready.admin_url}/breakers/crm"
    json_type = {"content-type": "application/json"}
    assert httpx2.post(url, content='{"action": "open"}', headers=json_type).status_code == 403
    assert run("breaker", "open", "crm").code == 0
    monkeypatch.delenv("HARDPOINT_ADMIN")
    assert run("breaker", "list").code in {0, Exit.UNREACHABLE}, "it is looked for at the store"
    (folder / "admin.token").unlink()
    assert httpx2.post(url, content='{"action": "open"}', headers=json_type).status_code == 403
    gone = run("breaker", "close", "crm")
    assert (gone.code, "admin.token" in gone.err) == (Exit.CONFIGURATION, True)


class Odd:
    """Something that listens where a server's admin listener should be."""

    def __init__(self, *said):
        self._said = said
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        connection, _ = self._socket.accept()
        with connection, self._socket:
            while b"\r\n\r\n" not in connection.recv(65536):
                pass
            for one in self._said:
                connection.sendall(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._thread.join(20)


def head(status, length):
    return f"HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ((head(200, 2), b"{]"), Exit.UNREACHABLE, "no server answers at"),
        ((head(200, 200), b"{"), Exit.UNREACHABLE, "no server answers at"),
        ((b"SSH-2.0-OpenSSH\r\n",), Exit.UNREACHABLE, "no server answers at"),
        ((head(500, 2), b"no"), Exit.UNREACHABLE, "answers 500: status 500"),
        ((head(403, 200), b"{"), Exit.REFUSED, "refuses: status 403"),
        ((head(401, 2), b"[]"), Exit.REFUSED, "refuses: status 401"),
        ((head(404, 2), b"{}"), Exit.NO, "knows no such thing"),
    ],
)
def test_what_is_no_server_of_ours_is_told_from_one(folder, run, said, code, told):
    with Odd(*said) as odd:
        done = run("health", "--admin", odd.url)
    assert (done.code, told in done.err) == (code, True), done.err


def test_a_feed_that_is_cut_off_or_becomes_nonsense_ends(folder, run):
    for last in (b"{", b"{]\n"):
        with Odd(head(200, 200), b'\n{"event": "ready", "at": 1}\n', last) as odd:
            done = run("tail", "--admin", odd.url)
        assert (done.code, "ready" in done.out) == (0, True)


@pytest.mark.parametrize(
    ("public", "port"), [("http://127.0.0.1:1", 2), ("unix:/run/shop", 8001), ("", 8001)]
)
def test_the_server_is_found_beside_the_store(server, run, public, port):
    server.public = public
    assert f"http://127.0.0.1:{port} " in run("calls", "list").err


@pytest.mark.parametrize("url", ["http://127.0.0.1:x", "https://127.0.0.1:1", "http://", "nothing"])
def test_an_address_that_is_none_is_refused(folder, run, url):
    done = run("health", "--admin", url)
    assert (done.code, "is no admin address" in done.err) == (Exit.USAGE, True)


def test_metrics_are_scraped(site):
    site.deliver()
    site.call()
    text = httpx2.get(f"{site.ready.admin_url}/metrics").text
    me = f'process="{os.getpid()}"'
    assert f'hardpoint_webhook_events_total{{{me},result="new",source="shop"}} 1.0' in text
    called = 'connection="crm",error="",operation="GET /deals/7"'
    assert f"hardpoint_calls_total{{{called},{me}}} 1.0" in text
    assert f'hardpoint_circuit_open{{connection="crm",{me},provider="rest"}} 0.0' in text
    assert 'hardpoint_backlog_jobs{source="shop"} 0.0' in text
    assert 'role="owner"' in text


def test_bad_questions_are_answered(site):
    admin = site.ready.admin_url
    assert httpx2.get(f"{admin}/calls?limit=x").status_code == 400
    assert httpx2.get(f"{admin}/calls/x").status_code == 404


def test_tail_follows_what_happens_and_ends_with_the_server(site, run):
    site.deliver()
    site.call()
    site.stop_once_followed(1)
    tailed = run("tail", "--json", "--last", "100")
    records = [json.loads(one) for one in tailed.out.splitlines()]
    names = [one["event"] for one in records]
    assert "event_received" in names
    assert "call_ended" in names
    assert "sk_crm" not in tailed.out


def test_tail_shows_only_what_is_asked_for(site, run):
    site.deliver()
    site.deliver(secret="whsec_wrong")
    site.vendor.faults.next(status(404))
    with pytest.raises(HardpointError):
        site.call()
    site.do(site.hub.receiver.flush)
    site.stop_once_followed(4)
    one, two, three, four = (
        threading.Thread(target=lambda key=key, extra=extra: results.update({key: run(*extra)}))
        for key, extra in {
            "loud": ("tail", "--loud"),
            "source": ("tail", "--source", "shop", "--event", "event_*"),
            "connection": ("tail", "--connection", "crm"),
            "tty": ("tail",),
        }.items()
    )
    results = {}
    for each in (one, two, three, four):
        each.start()
    for each in (one, two, three, four):
        each.join(30)
    assert "requests_refused" in results["loud"].out
    assert "event_received" not in results["loud"].out
    assert set(results["source"].out.split("  ")[1:2]) == {"event_received"}
    assert "attempt_ended" in results["connection"].out
    assert "shop" not in results["connection"].out


def test_the_server_of_the_store_is_found(site, run, monkeypatch):
    monkeypatch.delenv("HARDPOINT_ADMIN")
    assert run("breaker", "list").code == Exit.UNREACHABLE  # its admin port is not the next one
    odd = run("calls", "--admin", "ftp://x")
    assert odd.code == Exit.USAGE
    assert run("calls", "--admin", "http://127.0.0.1:notaport").code == Exit.USAGE


def test_one_that_is_no_admin_listener_is_told(site, run):
    public = run("calls", "list", "--admin", site.ready.url)
    assert public.code == Exit.NO


def test_a_mounted_hub_has_health_and_metrics_too(folder, monkeypatch):
    monkeypatch.setenv("HOOK", "whsec_one")
    (folder / "crm.key").write_text("sk_crm_123456")
    (folder / "hardpoint.toml").write_text(CONFIGURATION.format(url="http://127.0.0.1:9"))

    async def main():
        hub = Hub.load("hardpoint.toml")
        health, metrics = hub.health_asgi(), hub.metrics()
        async with hub:
            report = await hub.health()
            assert (report.state.value, report.role) == ("up", "owner")
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=health), base_url="http://x"
            ) as client:
                reply = await client.get("/")
                assert (reply.status_code, reply.json()["state"]) == (200, "up")
                assert (await client.post("/")).status_code == 405
                assert (await client.head("/")).content == b""
                hub.policy("crm").breaker.force_open()
                assert (await client.get("/")).status_code == 503
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=metrics), base_url="http://x"
            ) as client:
                text = (await client.get("/")).text
        assert 'hardpoint_circuit_open{connection="crm",process="' in text
        sent = []

        async def send(message):
            sent.append(message["type"])

        async def receive():
            return {}

        await health({"type": "lifespan"}, receive, send)
        await health({"type": "websocket"}, receive, send)
        assert [one.rpartition(".")[2] for one in sent] == ["complete", "complete", "close"]

    asyncio.run(main())


def test_health_over_plain_http_is_not_cached(site):
    with urllib.request.urlopen(f"{site.ready.admin_url}/health", timeout=20) as answer:
        assert answer.headers["cache-control"] == "no-store"


def on_a_terminal(columns, *arguments, **environment):
    """What a command writes on a pseudo-terminal of so many columns, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "hardpoint", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**plain, "TERM": "xterm", **environment},
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the other end is closed: Linux says so
        pass
    os.close(ours)
    return shown.decode(), process.wait(30)


@pytest.mark.parametrize(("columns", "command"), [(40, "health"), (200, "calls list")])
def test_what_is_shown_fits_the_terminal(site, columns, command):
    site.call()
    shown, code = on_a_terminal(columns, *command.split())
    assert "\x1b[1m" in shown
    assert code == 0
    bare = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert bare.strip()
    assert [line for line in bare.splitlines() if len(line.rstrip()) > columns] == []
    colourless, _ = on_a_terminal(columns, *command.split(), NO_COLOR="1")
    assert "\x1b[" not in colourless


def test_tail_on_a_terminal_colours_what_is_loud_unless_told_not_to(site):
    site.deliver(secret="whsec_wrong")
    site.do(site.hub.receiver.flush)
    site.stop_once_followed(2)
    results = {}

    def follow(name, **environment):
        results[name] = on_a_terminal(120, "tail", "--loud", **environment)[0]

    both = [
        threading.Thread(target=follow, args=("colour",)),
        threading.Thread(target=follow, args=("plain",), kwargs={"NO_COLOR": "1"}),
    ]
    for one in both:
        one.start()
    for one in both:
        one.join(40)
    assert "\x1b[33m" in results["colour"]
    assert "requests_refused" in results["plain"]
    assert "\x1b[" not in results["plain"]
