"""No connection of a test leaves this machine; 192.0.2.1 is TEST-NET-1, which nobody answers."""

import asyncio
import socket
import sys
import threading
from functools import partial

import httpx2
import pytest
import uvloop

from hardpoint.fakes.server import FakeServer
from hardpoint.providers.stripe.fake import FakeStripe
from hardpoint.testing import NetworkRefusedError, loopback_only, network

AWAY = ("192.0.2.1", 443)


@pytest.fixture
def guard():
    with loopback_only("test_shop") as guard:
        yield guard


def test_the_error_names_host_and_test(guard):
    with pytest.raises(
        NetworkRefusedError, match=r"^test_shop reaches for 192\.0\.2\.1, "
    ) as caught:
        socket.create_connection(AWAY)
    assert (caught.value.host, caught.value.test) == ("192.0.2.1", "test_shop")
    assert guard.refused == ["192.0.2.1"]


def with_socket(kind, reach):
    with socket.socket(socket.AF_INET, kind) as reaching:
        reach(reaching)


TCP = partial(with_socket, socket.SOCK_STREAM)
UDP = partial(with_socket, socket.SOCK_DGRAM)


@pytest.mark.parametrize(
    ("reach", "host"),
    [
        (lambda: TCP(lambda one: one.connect(AWAY)), "192.0.2.1"),
        (lambda: TCP(lambda one: one.connect_ex(AWAY)), "192.0.2.1"),
        (lambda: UDP(lambda one: one.sendto(b"x", AWAY)), "192.0.2.1"),
        (lambda: UDP(lambda one: one.sendmsg([b"x"], [], 0, AWAY)), "192.0.2.1"),
        (lambda: socket.getaddrinfo("shop.invalid", 443), "shop.invalid"),
        (lambda: socket.getaddrinfo(b"shop.invalid", 443), "shop.invalid"),
        (lambda: socket.gethostbyname("shop.invalid"), "shop.invalid"),
        (lambda: socket.gethostbyaddr("192.0.2.1"), "192.0.2.1"),
        (lambda: socket.getaddrinfo("::ffff:192.0.2.1", 443), "::ffff:192.0.2.1"),
        (lambda: httpx2.get("https://shop.invalid/", trust_env=False), "shop.invalid"),
    ],
)
def test_whatever_reaches_out_is_refused(guard, reach, host):
    with pytest.raises(NetworkRefusedError):
        reach()
    assert guard.refused == [host]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize(
    "reach",
    [
        lambda _: asyncio.open_connection(*AWAY),
        lambda _: asyncio.open_connection("shop.invalid", 443),
        lambda loop: loop.create_connection(asyncio.Protocol, host="shop.invalid", port=443),
        lambda loop: loop.getaddrinfo("shop.invalid", 443),
    ],
)
def test_event_loops_are_refused_too(guard, run, reach):
    async def reaching():
        await reach(asyncio.get_running_loop())

    with pytest.raises(NetworkRefusedError):
        run(reaching())


def test_other_threads_are_refused_too(guard):
    caught = []

    def reach():
        try:
            socket.create_connection(AWAY)
        except NetworkRefusedError as error:
            caught.append(error)

    thread = threading.Thread(target=reach)
    thread.start()
    thread.join()
    assert caught


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_this_machine_can_be_reached(guard, run):
    async def reaching(url):
        async with httpx2.AsyncClient(trust_env=False) as client:
            return (await client.get(url)).status_code

    with FakeServer(FakeStripe()) as server:
        assert httpx2.get(server.url, trust_env=False).status_code == 401
        assert run(reaching(server.url)) == 401
        assert run(reaching(server.url.replace("127.0.0.1", "localhost"))) == 401
    assert guard.refused == []


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"),
        *("localhost", "shop.localhost", ""),
    ],
)
def test_these_are_this_machine(guard, host):
    guard.check(host)
    guard.check(socket.gethostname())
    assert socket.getaddrinfo(None, 80)
    assert guard.refused == []


@pytest.mark.parametrize("host", ["10.0.0.1", "fe80::1%eth0", "169.254.169.254", "localhost.shop"])
def test_these_are_not(guard, host):
    with pytest.raises(NetworkRefusedError):
        guard.check(host)


def test_local_sockets_of_other_kinds_are_no_business_of_ours(guard, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        listener.bind("here")
        listener.listen()
        caller.connect("here")


def test_a_connected_socket_sends_where_it_is_connected(guard):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", 0))
        UDP(lambda one: (one.connect(here.getsockname()), one.sendmsg([b"x"])))
        assert here.recv(1) == b"x"
    assert guard.refused == []


def test_a_host_may_be_allowed_by_name_and_by_address(monkeypatch):
    found = {"db.internal": "192.0.2.7"}

    def look_up(name, *_):
        if name not in found:
            raise socket.gaierror(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found[name], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    network._addresses_of.cache_clear()
    with loopback_only("test_shop", allow=["gone.internal", "db.internal", "192.0.2.9"]) as guard:
        for host in ("db.internal", "192.0.2.7", "192.0.2.9"):
            guard.check(host)
        with pytest.raises(NetworkRefusedError):
            guard.check("192.0.2.8")
    network._addresses_of.cache_clear()


def test_guards_nest_and_end(guard):
    create = uvloop.Loop.create_connection
    with loopback_only("inner", allow=["192.0.2.1"]) as inner:
        assert uvloop.Loop.create_connection is create
        inner.check("192.0.2.1")
    with pytest.raises(NetworkRefusedError, match=r"^test_shop"):
        socket.create_connection(AWAY)


def test_nothing_is_left_of_a_guard():
    before = uvloop.Loop.create_connection
    with loopback_only("test_shop"):
        assert uvloop.Loop.create_connection is not before
    assert uvloop.Loop.create_connection is before
    with pytest.raises(OSError):
        socket.getaddrinfo("no host has blanks", None, flags=socket.AI_NUMERICHOST)


def test_uvloop_need_not_be_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with loopback_only("test_shop"), pytest.raises(NetworkRefusedError):
        socket.create_connection(AWAY)
