"""The parts that the shells share, where no server brings them to their edge."""

import asyncio
import os
import select
import socket
import ssl
import threading
from pathlib import Path
from time import monotonic

import pytest

from hardpoint.core.errors import ConfigurationError, InvalidRequestError, UnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Headers, Request
from hardpoint.http.wire import channel as channel_module
from hardpoint.http.wire import trust
from hardpoint.http.wire.aside import aside, told
from hardpoint.http.wire.blocking_line import BlockingLine
from hardpoint.http.wire.channel import Channel, prepared, shake
from hardpoint.http.wire.connecting import connected, interleaved
from hardpoint.http.wire.failures import no_answer
from hardpoint.http.wire.incoming import HEAD_BYTES_MAX, Incoming
from hardpoint.http.wire.line import Line
from hardpoint.http.wire.names import literal
from hardpoint.http.wire.outgoing import outgoing

KEY = ("https://vendor.example:443", ())


def request(**fields):
    return Request(**{"method": "POST", "url": "https://vendor.example/", **fields})


@pytest.fixture
def ends():
    """A channel, and the other end of its connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listener.getsockname())
    theirs, _ = listener.accept()
    listener.close()
    yield Channel(prepared(ours)), theirs
    ours.close()
    theirs.close()


# What goes out


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"method": "GE T"}, "a method"),
        ({"method": "CONNECT"}, "a method"),
        ({"headers": (("", "1"),)}, "whose name HTTP does not allow"),
        ({"headers": (("Host", "other.example"),)}, "host, which the"),
        ({"headers": (("Content-Length", "1"),)}, "content-length, which the"),
        ({"headers": (("transfer-encoding", "chunked"),)}, "transfer-encoding, which the"),
        ({"headers": (("x-a", " 1"),)}, "begins or ends with a blank"),
        ({"headers": (("x-a", "1\r\nx-b: 2"),)}, "HTTP does not allow"),
        ({"headers": (("x-a", "€"),)}, "HTTP does not allow"),
    ],
)
def test_what_http_cannot_say_is_refused(fields, problem):
    with pytest.raises(InvalidRequestError, match=problem):
        outgoing(request(**fields))


@pytest.mark.parametrize("url", ["https://vendor.example/a b", "https://vendor.example\\@x/"])
def test_a_target_that_is_none_is_refused(url):
    with pytest.raises((InvalidRequestError, ConfigurationError)):
        outgoing(request(url=url))


def test_an_encoding_that_is_asked_for_is_not_asked_for_twice():
    head = outgoing(request(headers=(("Accept-Encoding", "gzip"),))).head
    assert head.lower().count(b"accept-encoding") == 1


def test_names_that_nobody_used_before_are_kept_up_to_a_bound():
    for number in range(1100):
        assert b"x-%d: 1\r\n" % number in outgoing(request(headers=((f"x-{number}", "1"),))).head


def test_a_small_body_leaves_with_its_head_and_a_large_one_behind_it():
    assert outgoing(request(body=b"a=1")).head.endswith(b"content-length: 3\r\n\r\na=1")
    large = outgoing(request(body=b"x" * 100_000))
    assert large.head.endswith(b"content-length: 100000\r\n\r\n")
    assert len(large.body) == 100_000


# What comes in


def test_a_head_over_the_bound_is_refused_in_one_piece_too():
    answer = Incoming(Limits(), bodiless=False)
    name = b"x-a: " + b"y" * HEAD_BYTES_MAX
    assert answer.feed(b"HTTP/1.1 200 OK\r\n" + name + b"\r\ncontent-length: 0\r\n\r\n")
    assert not answer.whole


def outcome(data, step):
    answer = Incoming(Limits(), bodiless=False)
    for at in range(0, len(data), step):
        if answer.feed(data[at : at + step]):
            break
    return answer.complete, answer.broken, answer.refused, answer.reusable


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
AROUND = [
    *(CHUNKED + b"0\r\n" + b"x: y\r\n" * count + b"\r\n" for count in range(10_880, 10_980, 20)),
    *(CHUNKED + b"0\r\n" + b"x: y\r\n" * count + b"\r\n" for count in (9_000, 40_000)),
    CHUNKED + b"2;" + b"e" * 66_000 + b"\r\nok\r\n0\r\n\r\n",
    CHUNKED + b"1;aaaaaa\r\n.\r\n" * 66_000 + b"0\r\n\r\n",
    CHUNKED + b"1;aaa\r\n.\r\n" * 20_000 + b"0\r\n\r\n",
    *(
        b"HTTP/1.1 200 OK\r\nx:" + b" " * (HEAD_BYTES_MAX + more) + b"\r\ncontent-length: 0\r\n\r\n"
        for more in range(-44, -34)
    ),
    b"HTTP/1.1 103 Early\r\n\r\n" * 4_000 + b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
]


@pytest.mark.parametrize("data", AROUND, ids=range(len(AROUND)))
def test_the_bound_on_what_is_around_a_body_does_not_depend_on_how_it_comes(data):
    known = outcome(data, len(data))
    assert all(outcome(data, step) == known for step in (7, 1000, 4096, 65_536, 65_537, 100_000))


def test_the_bounds_on_what_is_around_a_body_are_met():
    assert {outcome(data, 65_536)[2] for data in AROUND} == {
        None,
        "has too large a head",
        "has too much around its body",
    }


def test_headers_are_a_mapping_that_shows_names_alone():
    headers = Headers([(b"X-One", b"1"), (b"x-one", b" 2 "), (b"Link", b"a")])
    assert (len(headers), headers["x-one"], headers.all("x-one")) == (2, "2", ["1", "2"])
    assert headers.all("absent") == ()
    assert repr(headers) == "Headers(x-one, link)"


# Connections


def test_a_request_of_which_nothing_could_be_sent_was_not_sent(ends):
    channel, _ = ends
    channel.close()
    out = outgoing(request())
    answer = Incoming(Limits(), bodiless=False)
    line = BlockingLine(channel, KEY, lambda _: None)
    assert line.start(out, answer, 1.0, float("inf"))
    assert isinstance(
        no_answer(request(), answer, line.error, in_time=True, sent=line.sent), UnavailableError
    )


def test_the_same_on_an_event_loop(ends):
    channel, _ = ends

    async def scenario():
        line = Line(asyncio.get_running_loop(), channel, KEY, 1.0, lambda _: None)
        channel.stop()
        answer = Incoming(Limits(), bodiless=False)
        assert await line.start(outgoing(request()), answer, 1.0, float("inf"))
        assert not line.end()
        assert not line.sent
        line.close()
        line._readable()  # called late: it is closed

    asyncio.run(scenario())


def test_more_than_is_read_at_a_time_is_read_in_turns(ends):
    channel, theirs = ends
    body = b"x" * 3_000_000

    def serve():
        theirs.recv(65536)
        theirs.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async def scenario():
        loop = asyncio.get_running_loop()
        line = Line(loop, channel, KEY, 1.0, lambda _: None)
        answer = Incoming(Limits(), bodiless=False)
        assert await line.start(outgoing(request()), answer, 5.0, float("inf"))
        line.close()
        return answer

    thread = threading.Thread(target=serve)
    thread.start()
    answer = asyncio.run(scenario())
    thread.join()
    assert answer.response().body == body


def test_a_turn_ends_where_more_may_be_there():
    class Endless:
        def receive(self):
            return b"x"

    answer = Incoming(Limits(), bodiless=False)
    answer.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    assert Channel.pull(Endless(), answer) is None


def test_what_the_system_does_not_tell_is_nothing(ends):
    channel, _ = ends
    channel.close()
    assert channel.unsent() == 0
    channel.stop()


def test_a_transport_closes_its_connections_on_another_loop_too(vendor):
    transport = AsyncTransport()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    there = asyncio.run_coroutine_threadsafe(
        transport.send(Request(method="GET", url=vendor.url)), loop
    )
    assert there.result(10).status == 200
    (pool,) = transport._pools.values()
    asyncio.run(transport.close())
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(10)
    assert not pool.lines
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_transport_that_is_dropped_closes_what_a_closed_loop_left(vendor):
    transport = AsyncTransport()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(transport.send(Request(method="GET", url=vendor.url)))
    (pool,) = transport._pools.values()
    (line,) = pool.lines
    loop.close()
    del transport
    assert line.closed


# Connecting


def test_an_address_of_a_family_that_this_machine_does_not_have_is_passed_over():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        odd = (9999, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
        far = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("255.255.255.255", port))
        good = literal(["127.0.0.1"], port)
        connected([odd, far, *good], monotonic() + 5).close()
        with pytest.raises(OSError):
            connected([odd], monotonic() + 5)


def test_a_child_closes_its_copies_of_what_was_made_at_once():
    sockets = channel_module._Sockets()
    ours, closed = sockets.made(socket.socket), sockets.made(socket.socket)
    closed.close()
    copy = os.dup(ours.fileno())
    sockets.forget()
    assert ours.fileno() == -1
    os.close(copy)


def test_families_take_turns():
    six, four = literal(["::1", "::2"], 1), literal(["127.0.0.1"], 1)
    assert interleaved([*six, *four]) == [six[0], four[0], six[1]]


def test_a_connection_that_cannot_even_be_tried_leaves_no_socket():
    wrong = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", "no number"))
    with pytest.raises(TypeError):
        connected([wrong], monotonic() + 5)


def test_what_work_aside_raises_is_told_to_whoever_asks():
    def fail():
        raise LookupError

    with pytest.raises(LookupError):
        aside("hardpoint-test", fail).result(10)


def test_where_the_system_has_no_thread_nothing_is_done_aside(monkeypatch):
    def none(**_options):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading, "Thread", none)
    with pytest.raises(OSError, match="new thread"):
        aside("hardpoint-test", list)


def test_whoever_gave_up_waiting_is_not_told():
    release = threading.Event()
    future = aside("hardpoint-test", lambda: release.wait(10))

    async def scenario():
        waiting = asyncio.create_task(told(future))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        release.set()
        assert await told(future)
        await asyncio.sleep(0)

    asyncio.run(scenario())


# TLS


def test_a_handshake_may_wait_for_room():
    class Full:
        def do_handshake(self):
            raise ssl.SSLWantWriteError

    assert shake(Full()) == select.POLLOUT


@pytest.mark.parametrize("kind", [AsyncTransport, BlockingTransport])
def test_a_context_that_does_not_verify_is_refused(kind):
    loose = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    loose.check_hostname = False
    with pytest.raises(ConfigurationError, match="does not verify"):
        kind(tls=loose)
    old = ssl.create_default_context()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ConfigurationError, match=r"before TLS 1\.2"):
        kind(tls=old)


def test_files_that_cannot_be_used_are_named(tmp_path):
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("")
    for given, key in (
        (trust.Trust(authorities=tmp_path / "absent.pem"), "tls.authorities"),
        (trust.Trust(authorities=nothing), "tls.authorities"),
        (trust.Trust(certificate=nothing, password=Secret.value("p")), "tls.certificate"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            trust.context_of(given)
        assert caught.value.key == key


def test_a_system_keeps_its_authorities_in_a_file_or_in_a_folder_or_has_none(monkeypatch):
    paths = ssl.get_default_verify_paths()
    monkeypatch.setattr(trust, "_BUNDLES", ())
    folder = paths._replace(openssl_cafile="/nowhere", openssl_capath=str(Path("/etc")))
    monkeypatch.setattr(trust.ssl, "get_default_verify_paths", lambda: folder)
    assert trust.context_of(trust.Trust()).verify_mode is ssl.CERT_REQUIRED
    none = paths._replace(openssl_cafile="/nowhere", openssl_capath="/nowhere")
    monkeypatch.setattr(trust.ssl, "get_default_verify_paths", lambda: none)
    with pytest.raises(ConfigurationError, match="has none"):
        trust.context_of(trust.Trust())
