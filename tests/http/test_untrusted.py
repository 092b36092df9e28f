"""Addresses that come from a message: only public ones, only the one that was checked."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import HardpointError, InvalidRequestError, UnavailableError
from hardpoint.fakes.messages import FakeReply
from hardpoint.http.messages import Response
from hardpoint.http.untrusted import (
    LOOK_UP_SECONDS,
    Untrusted,
    is_public,
    resolve_async,
    resolve_blocking,
)
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.blocking import run


class Recorder:
    def __init__(self):
        self.sent = []

    async def send(self, request):
        self.sent.append(request)
        return Response(status=200, headers={}, body=b"")


def named(*addresses):
    async def resolve(host):
        return addresses

    return resolve


def anywhere(address):
    return True


def fetch(url, resolve=None, transport=None):
    return run(Untrusted(transport or Recorder(), resolve or named("93.184.215.14")).get(url))


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:4700::1", "64:ff9b::808:808", "192.31.196.1"]
)
def test_a_public_address_is_asked(address):
    recorder = Recorder()
    fetch("https://vendor.example/cert.pem", named(address), recorder)
    (request,) = recorder.sent
    assert (request.url, request.address) == ("https://vendor.example/cert.pem", (address,))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("2002:7f00:1::1", "2002:808:808::1", "2002:100::", "192.88.99.1", "64:ff9b:1::808:808"),
        *("100::1", "2001:2::1", "3fff::1", "5f00::1", "4000::1", "2606:4700::1%eth0"),
        *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "text", ""),
    ],
)
def test_an_inner_address_is_not(address):
    recorder = Recorder()
    for addresses in ((address,), ("93.184.215.14", address)):
        with pytest.raises(InvalidRequestError, match="not a public address"):
            fetch("https://vendor.example/", named(*addresses), recorder)
    assert not recorder.sent


@given(st.ip_addresses())
def test_no_private_address_is_ever_public(address):
    if is_public(str(address)):
        assert not address.is_private
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_multicast


@given(st.ip_addresses(v=4))
def test_an_address_inside_of_another_is_judged_alike(inner):
    mapped = ipaddress.IPv6Address(int(ipaddress.IPv6Address("::ffff:0:0")) + int(inner))
    translated = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(inner))
    assert is_public(str(mapped)) == is_public(str(translated)) == is_public(str(inner))


@pytest.mark.parametrize(
    "url",
    [
        "http://vendor.example/",
        "https://vendor.example:8443/",
        "https://u:p@vendor.example/",
        "ftp://vendor.example/",
        "https://ven dor.example/",
        "http://127.0.0.1/",
        "",
    ],
)
def test_an_address_we_do_not_go_to_is_refused_by_name(url):
    with pytest.raises(InvalidRequestError) as caught:
        fetch(url)
    assert caught.value.field == "url"


def test_a_name_without_an_address_is_not_asked():
    async def nothing(host):
        raise socket.gaierror

    with pytest.raises(UnavailableError, match="resolves to nothing"):
        fetch("https://vendor.example/", nothing)
    with pytest.raises(InvalidRequestError):
        fetch("https://vendor.example/", named())


def test_the_connection_goes_to_the_checked_address_under_the_name(shells, vendor):
    port = vendor.url.rpartition(":")[2]
    vendor.app.replies.append(FakeReply(status=302, headers=(("location", "http://127.0.0.1/"),)))
    untrusted = Untrusted(shells.open(), named("127.0.0.1"), permit=anywhere, plain=True)
    answer = shells.do(untrusted.get(f"http://localhost:{port}/cert.pem"))
    assert answer.status == 302
    (received,) = vendor.app.received
    assert received.headers["host"] == f"localhost:{port}"


def test_tls_asks_for_the_name_not_for_the_address(shells):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asked = []
    context.sni_callback = lambda connection, name, context: asked.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            connection, _ = listener.accept()
            with connection, pytest.raises(OSError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=accept)
        thread.start()
        port = listener.getsockname()[1]
        untrusted = Untrusted(shells.open(), named("127.0.0.1"), permit=anywhere, plain=True)
        with pytest.raises(UnavailableError):
            shells.do(untrusted.get(f"https://vendor.example:{port}/"))
        thread.join()
    assert asked == ["vendor.example"]


def test_every_checked_address_is_tried_and_none_other(shells, vendor):
    port = vendor.url.rpartition(":")[2]
    resolve = named("127.0.0.9", "127.0.0.1")  # nobody listens at the first
    untrusted = Untrusted(shells.open(), resolve, permit=anywhere, plain=True)
    assert shells.do(untrusted.get(f"http://localhost:{port}/")).status == 200


def test_names_are_looked_up_in_both_modes(shells):
    resolve = resolve_blocking if shells.blocking else resolve_async
    assert set(shells.do(resolve("localhost"))) <= {"127.0.0.1", "::1"}


def test_a_name_is_looked_up_no_longer_than_the_deadline_of_the_call_leaves(monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: go.wait(10))

    @Policy("fetch", deadline=0.05)
    def fetched():
        run(Untrusted(Recorder(), resolve_blocking).get("https://hangs.example/"))

    began = monotonic()
    with pytest.raises(HardpointError):
        fetched()
    assert monotonic() - began < LOOK_UP_SECONDS - 0.5
    go.set()


@pytest.mark.parametrize("resolve", [resolve_async, resolve_blocking])
def test_without_a_thread_left_no_name_is_looked_up(monkeypatch, resolve):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    untrusted = Untrusted(Recorder(), resolve)
    with pytest.raises(UnavailableError):
        asyncio.run(untrusted.get("https://threadless.example/"))
