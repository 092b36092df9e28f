"""A fake vendor on a real socket: what it takes, and how its faults look from outside."""

import json
import socket
import threading

import httpx2
import pytest

from hardpoint.core.errors import MisuseError
from hardpoint.fakes.faults import (
    Faults,
    bad_json,
    commit_then_drop,
    hang,
    latency,
    reset,
    status,
    truncate,
)
from hardpoint.fakes.server import FakeServer

POST = b"POST /a HTTP/1.1\r\nhost: x\r\n"


def talk(server, data, *, until_closed=True):
    """What comes back for raw bytes; `reset` where the connection is reset."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 5) as peer:
            peer.sendall(data)
            if until_closed:
                peer.shutdown(socket.SHUT_WR)
            while chunk := peer.recv(65536):
                received += chunk
    except TimeoutError:
        raise
    except OSError:
        return received + b"reset"
    return received


def test_requests_are_answered_one_after_the_other_on_a_connection(server):
    answer = talk(server, POST + b"content-length: 2\r\n\r\nhi" + POST + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b'"body":"hi"' in answer
    assert server.requests == 2


def test_a_client_may_close_after_one(server):
    answer = talk(server, POST + b"connection: close\r\n\r\n" + POST + b"\r\n", until_closed=False)
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_may_come_in_chunks(server):
    chunked = POST + b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n ho\r\n0\r\n\r\n"
    assert b'"body":"hi ho"' in talk(server, chunked)


@pytest.mark.parametrize(
    "data",
    [
        b"NONSENSE\r\n\r\n",
        POST + b"content-length: x\r\n\r\n",
        POST + b"content-length: 999999999999\r\n\r\n",
        POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        POST + b"transfer-encoding: chunked\r\n\r\nffffffffff\r\n",
    ],
)
def test_bytes_that_are_no_request_are_refused(server, data):
    assert talk(server, data).startswith(b"HTTP/1.1 400 Bad Request")
    assert server.requests == 0


@pytest.mark.parametrize("data", [b"", POST, POST + b"content-length: 9\r\n\r\nhi", b"x" * 200_000])
def test_half_a_request_gets_no_answer(server, data):
    assert b"HTTP" not in talk(server, data)
    assert server.requests == 0


def post(server, **options):
    return httpx2.post(f"{server.url}/a", content=b"hi", trust_env=False, **options)


def test_the_vendor_may_act_and_lose_the_answer(server):
    server.faults.next(commit_then_drop())
    with pytest.raises(httpx2.ReadError):
        post(server)
    assert server.app.ledger.count("asked") == 1
    assert post(server).status_code == 200


def test_the_vendor_may_refuse_and_do_nothing(server):
    server.faults.next(status(503, headers=(("retry-after", "1"),)))
    answer = post(server)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert server.app.ledger.count() == 0
    assert server.requests == 1


def test_a_connection_may_be_reset_at_once(server):
    server.faults.next(reset("connect"))
    assert talk(server, POST + b"\r\n") == b"reset"
    assert server.requests == 0


def test_an_answer_may_break_off_in_the_middle(server):
    whole = talk(server, POST + b"\r\n")
    server.faults.next(reset("mid_body"))
    server.faults.next(truncate())
    assert talk(server, POST + b"\r\n") in {b"reset", whole[:-12] + b"reset"}
    assert talk(server, POST + b"\r\n") == whole[:-12]
    assert server.app.ledger.count() == 3


def test_an_answer_may_be_late_or_no_json(server):
    server.faults.next(latency(0.001))
    server.faults.next(bad_json())
    assert post(server).json()["path"] == "/a"
    with pytest.raises(json.JSONDecodeError):
        post(server).json()


def test_a_hanging_exchange_ends_with_the_server(server):
    server.faults.next(hang())
    answers = []
    reached = threading.Thread(target=lambda: answers.append(talk(server, POST + b"\r\n")))
    reached.start()
    while not server.requests:
        pass
    server.stop()
    reached.join(5)
    assert b"HTTP" not in answers[0]


def test_what_became_of_each_request_is_remembered_and_heard(server):
    heard = []
    with FakeServer(server.app, server.faults, heard=heard.append) as hearing:
        hearing.faults.next(latency(0))
        hearing.faults.next(status(503))
        hearing.faults.next(commit_then_drop())
        for _ in range(2):
            post(hearing)
        with pytest.raises(httpx2.ReadError):
            post(hearing)
        post(hearing)
    assert [str(one) for one in heard] == [
        "POST /a -> 200 (latency)",
        "POST /a -> 503 (status)",
        "POST /a -> no answer (commit_then_drop)",
        "POST /a -> 200",
    ]
    assert list(hearing.exchanges) == heard
    assert hearing.ledger is server.app.ledger


def test_a_fake_that_fails_says_so_and_goes_on(server):
    answer, server.app.answer = server.app.answer, lambda request: int("x")
    failed = post(server)
    assert failed.status_code == 500
    assert failed.json()["error"].startswith("the fake failed: ValueError: invalid literal")
    server.app.answer = answer
    assert post(server).status_code == 200


def test_a_server_starts_once_and_stops_often(server):
    with pytest.raises(MisuseError, match="starts once"):
        server.start()
    server.stop()
    server.stop()
    FakeServer(server.app).stop()


def test_faults_may_be_given(server):
    with FakeServer(server.app, Faults(seed=3)) as other:
        assert other.faults.seed == 3
        assert other.url != server.url
