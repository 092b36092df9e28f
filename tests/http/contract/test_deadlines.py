"""A whole exchange has its time, however busy the other side is; bytes are no excuse."""

import time

import pytest

from hardpoint import Policy
from hardpoint.core.errors import OutcomeUnknownError, TimedOutError
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run

SHORT = 0.4  # room for a TLS handshake on a busy machine
LONG = 2.5
"""Between the two lies what a slow machine may add; the scripts go on for some two seconds."""

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def dripping_status_line(line):
    line.request()
    line.send(b"HTTP/1.1 200 ")
    line.drip(b"O")


def dripping_head(line):
    line.request()
    line.send(HEAD)
    line.drip(b"x: y\r\n")


def dripping_header(line):
    line.request()
    line.send(HEAD + b"x: ")
    line.drip(b"y")


def dripping_body(line):
    line.request()
    line.send(HEAD + b"content-length: 500\r\n\r\n")
    line.drip(b".")


def dripping_body_without_length(line):
    line.request()
    line.send(HEAD + b"\r\n")
    line.drip(b".")


def dripping_chunks(line):
    line.request()
    line.send(CHUNKED)
    line.drip(b"1\r\n.\r\n")
    line.send(b"0\r\n\r\n")


def dripping_chunk_extension(line):
    line.request()
    line.send(CHUNKED + b"1;")
    line.drip(b"x")
    line.send(b"\r\n.\r\n0\r\n\r\n")


def dripping_trailers(line):
    line.request()
    line.send(CHUNKED + b"0\r\n")
    line.drip(b"x: y\r\n")
    line.send(b"\r\n")


def dripping_interim_answers(line):
    line.request()
    line.drip(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    line.answer(b"late")


DRIPS = [
    dripping_status_line,
    dripping_head,
    dripping_header,
    dripping_body,
    dripping_body_without_length,
    dripping_chunks,
    dripping_chunk_extension,
    dripping_trailers,
    dripping_interim_answers,
]


def bounds(kind, until):
    return {"remaining": until(SHORT)} if kind == "remaining" else {"exchange": SHORT}


@pytest.mark.parametrize("kind", ["remaining", "exchange"])
@pytest.mark.parametrize("script", DRIPS, ids=lambda script: script.__name__)
def test_a_peer_that_drips_holds_nobody_beyond_the_deadline(shell, listen, until, script, kind):
    peer = listen(script)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        shell.send(Request(method="POST", url=peer.url), **bounds(kind, until))
    assert time.monotonic() - began < LONG


@pytest.mark.parametrize("script", [dripping_head, dripping_body, dripping_chunk_extension])
def test_a_peer_that_drips_over_tls_holds_nobody_beyond_the_deadline(
    shell, listen, authority, until, script
):
    peer = listen(script, tls=authority.serving())
    began = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        shell.send(Request(method="POST", url=peer.url), remaining=until(SHORT))
    assert time.monotonic() - began < LONG


def test_a_silent_peer_holds_nobody_beyond_the_deadline(shell, serve, until):
    peer = serve(lambda line: (line.request(), line.hold()))
    began = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        shell.send(Request(method="POST", url=peer.url), remaining=until(SHORT))
    assert time.monotonic() - began < LONG


def test_an_upload_that_nobody_reads_ends_at_the_deadline(shell, serve, until):
    peer = serve(lambda line: (line.head(), line.hold()))
    request = Request(method="PUT", url=peer.url, body=bytes(16_000_000))
    began = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        shell.send(request, remaining=until(SHORT))
    assert time.monotonic() - began < LONG


def test_the_deadline_of_a_policy_bounds_the_exchange(shell, listen):
    peer = listen(dripping_body)
    policy = Policy("vendor", deadline=SHORT)
    transport = shell.open(timeout=5.0)
    request = Request(method="POST", url=peer.url)
    began = time.monotonic()

    async def awaited():
        return await transport.send(request)

    def waited():
        return run(transport.send(request))

    with pytest.raises((OutcomeUnknownError, TimedOutError)):
        shell.do(policy.call(waited if shell.blocking else awaited))
    assert time.monotonic() - began < LONG


def test_an_exchange_in_time_is_not_disturbed_and_its_connection_serves_on(shell, serve, until):
    peer = serve()
    transport = shell.open(remaining=lambda: 5.0, exchange=5.0)
    for number in range(3):
        answer = shell.send(Request(method="GET", url=f"{peer.url}/{number}"), transport)
        assert answer.body == b"/%d" % number
    assert peer.connections == 1


def test_after_the_deadline_the_connection_serves_nobody(shell, serve):
    def script(line):
        if line.number == 0:
            line.request()
            line.peer.go.wait(10)
            line.answer(b"late")
        while True:
            line.answer(line.request().target)

    peer = serve(script)
    transport = shell.open(timeout=0.5)
    with pytest.raises(OutcomeUnknownError):
        shell.send(Request(method="POST", url=f"{peer.url}/1"), transport)
    peer.go.set()
    slow = Request(method="POST", url=f"{peer.url}/2")
    patient = shell.outcome(slow, transport)
    assert getattr(patient, "body", b"/2") == b"/2"
    assert peer.connections == 2


def test_a_slow_upload_that_goes_on_is_no_time_out(shell, serve):
    size, step = 16_000_000, 250_000

    def script(line):
        line.head()
        for _ in range(size // step):
            line.peer.ended.wait(0.01)
            line.skip(step)
        line.answer(b"all")

    peer = serve(script)
    request = Request(method="PUT", url=peer.url, body=bytes(size))
    began = time.monotonic()
    assert shell.send(request, timeout=0.5).body == b"all"
    assert time.monotonic() - began > 0.5


def test_an_early_answer_to_an_upload_is_read(shell, serve):
    def script(line):
        line.head()
        line.answer(b"too large", status=b"413 Content Too Large", headers=b"connection: close\r\n")
        line.hold()

    peer = serve(script)
    request = Request(method="PUT", url=peer.url, body=bytes(16_000_000))
    answer = shell.send(request, timeout=3.0)
    assert (answer.status, answer.body) == (413, b"too large")


def test_after_an_early_answer_the_connection_serves_nobody(shell, serve):
    def script(line):
        if line.number == 0:
            line.head()
            line.answer(b"no", status=b"401 Unauthorized")
            line.hold()
        while True:
            line.answer(line.request().target)

    peer = serve(script)
    transport = shell.open(timeout=3.0)
    request = Request(method="PUT", url=peer.url, body=bytes(16_000_000))
    assert shell.send(request, transport).status == 401
    assert shell.send(Request(method="GET", url=f"{peer.url}/2"), transport).body == b"/2"
    assert peer.connections == 2


def test_a_connection_that_is_reset_under_an_upload_leaves_its_outcome_unknown(shell, serve):
    peer = serve(lambda line: (line.head(), line.reset()))
    with pytest.raises(OutcomeUnknownError):
        shell.send(Request(method="PUT", url=peer.url, body=bytes(16_000_000)))
