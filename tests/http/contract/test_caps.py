"""An answer has its bounds: what is beyond them is not taken, however it is packed."""

import pytest

from hardpoint.core.errors import OutcomeUnknownError, UnexpectedResponseError
from hardpoint.http.messages import Request

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
CAP = 100_000
MUCH = 24_000_000
"""What a server would send; sockets hold some megabytes of it before anyone takes it."""
TAKEN_MAX = 14_000_000
BLOCK = b"x" * 65536


def declared(line):
    line.send(HEAD + b"content-length: %d\r\n\r\n" % MUCH)
    line.flood(BLOCK, most=MUCH)


def chunked(line):
    line.send(CHUNKED)
    line.flood(b"10000\r\n" + BLOCK + b"\r\n", most=MUCH)
    line.send(b"0\r\n\r\n")


def until_closed(line):
    line.send(HEAD + b"\r\n")
    line.flood(BLOCK, most=MUCH)


def one_huge_header(line):
    line.send(HEAD + b"x: ")
    line.flood(BLOCK, most=MUCH)
    line.send(b"\r\ncontent-length: 0\r\n\r\n")


def many_headers(line):
    line.send(HEAD)
    line.flood(b"x-header: and its value\r\n" * 2000, most=MUCH)
    line.send(b"content-length: 0\r\n\r\n")


def a_huge_status_line(line):
    line.send(b"HTTP/1.1 200 ")
    line.flood(BLOCK, most=MUCH)
    line.send(b"\r\ncontent-length: 0\r\n\r\n")


def a_huge_header_name(line):
    line.send(HEAD)
    line.flood(BLOCK, most=MUCH)
    line.send(b": x\r\ncontent-length: 0\r\n\r\n")


def many_interim_answers(line):
    line.flood(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 1000, most=MUCH)
    line.answer()


def a_huge_chunk_extension(line):
    line.send(CHUNKED + b"1;")
    line.flood(BLOCK, most=MUCH)
    line.send(b"\r\n.\r\n0\r\n\r\n")


def many_chunk_extensions(line):
    line.send(CHUNKED)
    line.flood((b"1;" + b"x" * 4000 + b"\r\n.\r\n") * 16, most=MUCH)
    line.send(b"0\r\n\r\n")


def many_trailers(line):
    line.send(CHUNKED + b"0\r\n")
    line.flood(b"x-trailer: and its value\r\n" * 2000, most=MUCH)
    line.send(b"\r\n")


def one_huge_trailer(line):
    line.send(CHUNKED + b"0\r\nx: ")
    line.flood(BLOCK, most=MUCH)
    line.send(b"\r\n\r\n")


BODIES = [declared, chunked, until_closed]
HEADS = [
    one_huge_header,
    many_headers,
    a_huge_status_line,
    a_huge_header_name,
    many_interim_answers,
    a_huge_chunk_extension,
    many_chunk_extensions,
    many_trailers,
    one_huge_trailer,
]


@pytest.mark.parametrize("script", [*BODIES, *HEADS], ids=lambda script: script.__name__)
def test_what_is_beyond_a_bound_is_not_taken(shell, listen, script):
    peer = listen(lambda line: (line.request(), script(line)))
    with pytest.raises((UnexpectedResponseError, OutcomeUnknownError)) as caught:
        shell.send(Request(method="POST", url=peer.url), body_bytes_max=CAP)
    assert not caught.value.outcome_known
    assert peer.taken < TAKEN_MAX


@pytest.mark.parametrize("script", [chunked, one_huge_header, many_trailers])
def test_what_is_beyond_a_bound_is_not_taken_over_tls(shell, listen, authority, script):
    peer = listen(lambda line: (line.request(), script(line)), tls=authority.serving())
    with pytest.raises((UnexpectedResponseError, OutcomeUnknownError)):
        shell.send(Request(method="POST", url=peer.url), body_bytes_max=CAP)
    assert peer.taken < TAKEN_MAX


@pytest.mark.parametrize("script", BODIES, ids=lambda script: script.__name__)
def test_a_body_beyond_its_cap_says_the_status_that_it_had(shell, listen, script):
    peer = listen(lambda line: (line.request(), script(line)))
    with pytest.raises(UnexpectedResponseError, match="larger than 100000 bytes") as caught:
        shell.send(Request(method="POST", url=peer.url), body_bytes_max=CAP)
    assert (caught.value.status, caught.value.outcome_known) == (200, False)


@pytest.mark.parametrize("script", BODIES, ids=lambda script: script.__name__)
def test_a_body_beyond_its_cap_is_cut_where_asked(shell, listen, script):
    peer = listen(lambda line: (line.request(), script(line)))
    answer = shell.send(Request(method="GET", url=peer.url), body_bytes_max=CAP, cut=True)
    assert (answer.status, answer.body) == (200, b"x" * CAP)
    assert peer.taken < TAKEN_MAX


def test_the_connection_of_an_answer_that_was_cut_serves_nobody(shell, serve):
    def script(line):
        while True:
            target = line.request().target
            line.answer(b"x" * 500 + b"HTTP/1.1 200 OK\r\n\r\n" if target == b"/1" else target)

    peer = serve(script)
    transport = shell.open(body_bytes_max=100, cut=True)
    assert shell.send(Request(method="GET", url=f"{peer.url}/1"), transport).body == b"x" * 100
    assert shell.send(Request(method="GET", url=f"{peer.url}/2"), transport).body == b"/2"
    assert peer.connections == 2


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_body_up_to_its_cap_is_taken_whole(shell, serve, size):
    def script(line):
        line.request()
        line.answer(b"y" * size)
        line.request()
        half = size // 2
        line.send(CHUNKED)
        for piece in (b"y" * half, b"y" * (size - half)):
            line.send(b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b"")
        line.send(b"0\r\n\r\n")

    peer = serve(script)
    transport = shell.open(body_bytes_max=100)
    for _ in range(2):
        answer = shell.send(Request(method="GET", url=peer.url), transport)
        assert answer.body == b"y" * size
    assert peer.connections == 1


def test_a_head_of_usual_size_is_taken(shell, serve):
    headers = b"".join(b"x-%d: %s\r\n" % (number, b"v" * 100) for number in range(60))
    peer = serve(lambda line: (line.request(), line.answer(b"a", headers=headers)))
    answer = shell.send(Request(method="GET", url=peer.url))
    assert answer.headers["x-59"] == "v" * 100


def gzipped(line):
    while True:
        line.request()
        line.answer(b"\x1f\x8b\x08", headers=b"content-encoding: gzip\r\n")


def test_an_encoded_answer_is_refused(shell, listen):
    with pytest.raises(UnexpectedResponseError, match="encoded") as caught:
        shell.send(Request(method="POST", url=listen(gzipped).url))
    assert (caught.value.status, caught.value.outcome_known) == (200, False)


def test_an_encoded_answer_is_taken_as_it_came_where_it_may_be_cut(shell, listen):
    answer = shell.send(Request(method="POST", url=listen(gzipped).url), cut=True)
    assert answer.body == b"\x1f\x8b\x08"


def test_an_identity_is_no_encoding(shell, listen):
    def script(line):
        line.request()
        line.answer(b"plain", headers=b"Content-Encoding: identity\r\n")

    assert shell.send(Request(method="POST", url=listen(script).url)).body == b"plain"
