"""Where an answer ends: every form that HTTP knows, and none that can be read in two ways.

The server tags each answer with the target it answers. Whatever a strange answer is taken for, the
next request on the transport gets its own answer and no left-over.
"""

import socket

import pytest

from hardpoint.core.errors import HardpointError
from hardpoint.http.messages import Request

OK = b"HTTP/1.1 200 OK\r\n"
SECOND = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsurplus!"


def first(data, *, close=False):
    """A script whose first answer is these bytes; all others are in order."""

    def script(line):
        if line.peer.heard:
            line.peer.go.set()
        else:
            line.request()
            line.send(data)
            if close:
                return
        while True:
            line.answer(line.request().target)

    return script


WHOLE = {
    "length": (OK + b"content-length: 4\r\n\r\nbody", 200, b"body", True),
    "length zero": (OK + b"content-length: 0\r\n\r\n", 200, b"", True),
    "spaces around the length": (OK + b"content-length:  4 \r\n\r\nbody", 200, b"body", True),
    "chunks": (
        OK + b"transfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
        200,
        b"body",
        True,
    ),
    "chunk size in capitals and zeros": (
        OK + b"Transfer-Encoding: Chunked\r\n\r\n000A\r\n0123456789\r\n00\r\n\r\n",
        200,
        b"0123456789",
        True,
    ),
    "chunk extensions": (
        OK + b'transfer-encoding: chunked\r\n\r\n4;a=b;c="d e"\r\nbody\r\n0;x\r\n\r\n',
        200,
        b"body",
        True,
    ),
    "trailers": (
        OK + b"transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 1\r\ny: 2\r\n\r\n",
        200,
        b"body",
        True,
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "not modified, with a length": (
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n",
        304,
        b"",
        True,
    ),
    "continue": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 4\r\n\r\nbody",
        200,
        b"body",
        True,
    ),
    "early hints, twice": (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 2
        + OK
        + b"content-length: 4\r\n\r\nbody",
        200,
        b"body",
        True,
    ),
    "no reason": (b"HTTP/1.1 200 \r\ncontent-length: 4\r\n\r\nbody", 200, b"body", True),
    "an unknown status": (b"HTTP/1.1 299 Odd\r\ncontent-length: 4\r\n\r\nbody", 299, b"body", True),
    "an error": (b"HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\nbody", 500, b"body", True),
    "asked to close": (
        OK + b"connection: close\r\ncontent-length: 4\r\n\r\nbody",
        200,
        b"body",
        False,
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nbody", 200, b"body", False),
}


@pytest.mark.parametrize("case", WHOLE)
def test_an_answer_ends_where_it_says(shell, serve, case):
    data, status, body, kept = WHOLE[case]
    peer = serve(first(data))
    transport = shell.open()
    answer = shell.send(Request(method="GET", url=f"{peer.url}/1"), transport)
    assert (answer.status, answer.body) == (status, body)
    assert shell.send(Request(method="GET", url=f"{peer.url}/2"), transport).body == b"/2"
    assert peer.connections == (1 if kept else 2)


@pytest.mark.parametrize("head", [OK, b"HTTP/1.0 200 OK\r\n", OK + b"connection: close\r\n"])
def test_an_answer_without_a_length_ends_with_its_connection(shell, serve, head):
    peer = serve(first(head + b"\r\nbody", close=True))
    transport = shell.open()
    assert shell.send(Request(method="GET", url=f"{peer.url}/1"), transport).body == b"body"
    assert shell.send(Request(method="GET", url=f"{peer.url}/2"), transport).body == b"/2"


@pytest.mark.parametrize(
    "framing", [b"content-length: 10\r\n", b"transfer-encoding: chunked\r\n", b""]
)
def test_an_answer_to_head_has_no_body_whatever_it_says(shell, serve, framing):
    peer = serve(first(OK + framing + b"x: y\r\n\r\n"))
    transport = shell.open(timeout=2.0)
    answer = shell.send(Request(method="HEAD", url=f"{peer.url}/1"), transport)
    assert (answer.status, answer.body, answer.headers["x"]) == (200, b"", "y")
    assert shell.send(Request(method="GET", url=f"{peer.url}/2"), transport).body == b"/2"


def test_header_names_are_lower_case_and_values_have_no_blanks_around(shell, listen):
    head = OK + b"X-Mixed-Case: \t a b \t\r\nEMPTY:\r\nlatin: \xe9\r\ncontent-length: 0\r\n\r\n"
    answer = shell.send(Request(method="GET", url=listen(first(head)).url))
    assert answer.headers["x-mixed-case"] == "a b"
    assert answer.headers["empty"] == ""
    assert answer.headers["latin"] == "é"


def test_an_answer_in_single_bytes_is_the_same(shell, listen):
    data = b"HTTP/1.1 103 Hi\r\n\r\n" + WHOLE["trailers"][0]

    def script(line):
        line.end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            line.request()
            for byte in data:
                line.send(bytes([byte]))

    peer = listen(script)
    transport = shell.open()
    for _ in range(2):
        assert shell.send(Request(method="GET", url=peer.url), transport).body == b"body"
    assert peer.connections == 1


STRANGE = {
    "both framings": OK + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "both framings, length first": OK
    + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"content-length: 0\r\ncontent-length: 46\r\n\r\n",
    "two equal lengths": OK + b"content-length: 4\r\ncontent-length: 4\r\n\r\nbody",
    "a list of lengths": OK + b"content-length: 4, 4\r\n\r\nbody",
    "a negative length": OK + b"content-length: -1\r\n\r\n",
    "a length with a sign": OK + b"content-length: +4\r\n\r\nbody",
    "a length in hexadecimal": OK + b"content-length: 0x4\r\n\r\nbody",
    "a length with an underscore": OK + b"content-length: 1_0\r\n\r\n0123456789",
    "a length in other digits": OK + "content-length: ٤\r\n\r\nbody".encode(),
    "an empty length": OK + b"content-length: \r\n\r\n",
    "a length beyond 64 bits": OK + b"content-length: 18446744073709551620\r\n\r\nbody",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 4\n\nbody",
    "one bare line feed": OK + b"content-length: 4\nx: y\r\n\r\nbody",
    "a bare carriage return": OK + b"x: a\rcontent-length: 99\r\ncontent-length: 4\r\n\r\nbody",
    "a blank before the colon": OK + b"content-length : 4\r\n\r\nbody",
    "a blank before the name": OK + b" content-length: 4\r\n\r\nbody",
    "a folded header": OK + b"x: a\r\n content-length: 99\r\ncontent-length: 4\r\n\r\nbody",
    "a folded framing": OK
    + b"transfer-encoding:\r\n chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "a zero byte": OK + b"x: a\x00b\r\ncontent-length: 4\r\n\r\nbody",
    "a name with a zero byte": OK + b"content\x00-length: 99\r\ncontent-length: 4\r\n\r\nbody",
    "no colon": OK + b"content-length\r\n\r\n",
    "an unknown coding": OK + b"transfer-encoding: xchunked\r\ncontent-length: 4\r\n\r\nbody",
    "chunked is not last": OK + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two codings": OK
    + b"transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip and chunked": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a chunk size with a sign": OK + b"transfer-encoding: chunked\r\n\r\n+0\r\n\r\n0\r\n\r\n",
    "a chunk size with 0x": OK + b"transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n0\r\n\r\n",
    "a chunk size with a blank": OK + b"transfer-encoding: chunked\r\n\r\n0 \r\n\r\n",
    "an empty chunk size": OK + b"transfer-encoding: chunked\r\n\r\n\r\n\r\n",
    "a chunk size beyond 64 bits": OK
    + b"transfer-encoding: chunked\r\n\r\n10000000000000000\r\n\r\n",
    "a chunk longer than said": OK + b"transfer-encoding: chunked\r\n\r\n2\r\nbody\r\n0\r\n\r\n",
    "chunks with bare line feeds": OK + b"transfer-encoding: chunked\n\n4\nbody\n0\n\n",
    "a chunk extension with a line feed": OK + b"transfer-encoding: chunked\r\n\r\n0;a\nb\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/0.9": b"just a body",
    "HTTP/2": b"HTTP/2 200\r\ncontent-length: 4\r\n\r\nbody",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\ncontent-length: 4\r\n\r\nbody",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a request": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "empty lines ahead": b"\r\n\r\n" + OK + b"content-length: 4\r\n\r\nbody",
    "a status of two digits": b"HTTP/1.1 20 OK\r\ncontent-length: 4\r\n\r\nbody",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\ncontent-length: 4\r\n\r\nbody",
    "a status below 100": b"HTTP/1.1 099 OK\r\ncontent-length: 4\r\n\r\nbody",
    "no status": b"HTTP/1.1 OK\r\ncontent-length: 4\r\n\r\nbody",
    "switching protocols": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "an interim answer with a length": b"HTTP/1.1 103 Hi\r\ncontent-length: 46\r\n\r\n"
    + OK
    + b"content-length: 4\r\n\r\nbody",
    "an interim answer in chunks": b"HTTP/1.1 103 Hi\r\ntransfer-encoding: chunked\r\n\r\n"
    b"0\r\n\r\n" + OK + b"content-length: 4\r\n\r\nbody",
    "no content, with a length": b"HTTP/1.1 204 No\r\ncontent-length: 46\r\n\r\n",
    "no content, in chunks": b"HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("data", STRANGE.values(), ids=STRANGE)
def test_a_strange_answer_never_becomes_two(shell, listen, data):
    peer = listen(first(data + SECOND))
    transport = shell.open()
    one = shell.outcome(Request(method="GET", url=f"{peer.url}/1", timeout=0.5), transport)
    two = shell.send(Request(method="GET", url=f"{peer.url}/2"), transport)
    assert two.body == b"/2"
    assert peer.targets == [b"/1", b"/2"]
    if not isinstance(one, HardpointError):
        assert 200 <= one.status <= 599
        assert b"surplus" not in one.body


REFUSED = [
    "both framings",
    "both framings, length first",
    "two lengths",
    "a negative length",
    "a length with a sign",
    "a length in hexadecimal",
    "a length with an underscore",
    "a length in other digits",
    "a length beyond 64 bits",
    "one bare line feed",
    "a bare carriage return",
    "a blank before the colon",
    "a blank before the name",
    "a zero byte",
    "a name with a zero byte",
    "no colon",
    "chunked is not last",
    "a chunk size with a sign",
    "a chunk size with 0x",
    "an empty chunk size",
    "a chunk size beyond 64 bits",
    "a chunk longer than said",
    "HTTP/0.9",
    "another protocol",
    "a request",
    "a status of two digits",
    "a status of four digits",
    "no status",
    "switching protocols",
    "chunked in HTTP/1.0",
    "an interim answer with a length",
    "an interim answer in chunks",
]


@pytest.mark.parametrize("name", REFUSED)
def test_what_two_readers_could_read_in_two_ways_is_no_answer(shell, listen, name):
    peer = listen(first(STRANGE[name]))
    one = shell.outcome(Request(method="POST", url=f"{peer.url}/1"), timeout=0.3)
    assert isinstance(one, HardpointError)
    assert not one.outcome_known


@pytest.mark.parametrize("framing", [b"content-length: 46\r\n", b"transfer-encoding: chunked\r\n"])
def test_an_answer_that_has_no_body_and_says_it_has_costs_its_connection(shell, serve, framing):
    peer = serve(first(b"HTTP/1.1 204 No Content\r\n" + framing + b"\r\n"))
    transport = shell.open()
    assert shell.send(Request(method="GET", url=f"{peer.url}/1"), transport).status == 204
    assert shell.send(Request(method="GET", url=f"{peer.url}/2"), transport).body == b"/2"
    assert peer.connections == 2


def test_repeated_headers_are_kept_in_order(shell, serve):
    head = b"set-cookie: a=1\r\nLink: </a>\r\nSet-Cookie: b=2\r\n"
    peer = serve(lambda line: (line.request(), line.answer(headers=head)))
    headers = shell.send(Request(method="GET", url=peer.url)).headers
    assert list(headers.all("set-cookie")) == ["a=1", "b=2"]
    assert headers["set-cookie"] == "b=2"
    assert not headers.all("absent")
