"""What goes out is what was asked, to the byte, and nothing that HTTP cannot say goes out."""

import subprocess
import sys
import textwrap
import traceback

import pytest

from hardpoint.core.errors import ConfigurationError, HardpointError, InvalidRequestError
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request

ADDED = {b"host", b"content-length", b"accept-encoding"}


def heard(shell, peer, **fields):
    shell.send(Request(**{"method": "POST", "url": peer.url, **fields}))
    return peer.heard[-1]


def test_headers_go_out_in_order_with_their_case_and_their_repetitions(shell, serve):
    asked = [("X-One", "1"), ("x-one", "2"), ("Z", ""), ("a", "b, c"), ("X-One", "1"), ("U", "é")]
    got = heard(shell, serve(), headers=asked).headers
    wanted = [(name.encode(), value.encode("latin-1")) for name, value in asked]
    names = {name.lower() for name, _ in wanted}
    assert [(n, v.strip()) for n, v in got if n.lower() in names] == wanted
    assert {name.lower() for name, _ in got} - names <= ADDED


@pytest.mark.parametrize(
    "path",
    [
        "/a[0]?b[1]=2",
        "/a%5B0%5D?x=%2f%2F",
        "//a/../b/./c",
        "/a;b=c,d'e(f)*~!$&+@:",
        "/?",
        "/a?b?c=/d/../e",
        "/a|b^c`d{e}\\f",
        '/a"b<c>d',
    ],
)
def test_the_target_goes_out_as_it_was_written(shell, listen, path):
    peer = listen()
    assert heard(shell, peer, url=peer.url + path).target == path.encode()


def test_a_fragment_stays_here_and_an_empty_path_is_a_slash(shell, listen):
    peer = listen()
    assert heard(shell, peer, url=f"{peer.url}/a?b=c#d").target == b"/a?b=c"
    assert heard(shell, peer, url=peer.url).target == b"/"
    assert heard(shell, peer, url=f"{peer.url}?a=b").target == b"/?a=b"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
def test_any_method_carries_a_body_or_none(shell, listen, method):
    peer = listen()
    got = heard(shell, peer, method=method, body=b"a\x00\xff\r\n\r\n")
    assert (got.method, got.body) == (method.encode(), b"a\x00\xff\r\n\r\n")
    assert [v for n, v in got.headers if n.lower() == b"content-length"] == [b"7"]


@pytest.mark.parametrize(
    ("method", "lengths"), [("GET", []), ("POST", [b"0"]), ("PUT", [b"0"]), ("PATCH", [b"0"])]
)
def test_no_body_has_a_length_where_one_is_expected(shell, listen, method, lengths):
    got = heard(shell, listen(), method=method, body=b"")
    assert [v for n, v in got.headers if n.lower() == b"content-length"] == lengths


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 3_000_000])
def test_a_body_of_any_size_arrives_whole(shell, serve, size):
    body = bytes(range(256)) * (size // 256 + 1)
    assert heard(shell, serve(), method="PUT", body=body[:size]).body == body[:size]


def test_the_host_is_named_once_with_its_port(shell, listen):
    peer = listen()
    got = heard(shell, peer, url=f"http://localhost:{peer.port}/")
    assert [v for n, v in got.headers if n.lower() == b"host"] == [b"localhost:%d" % peer.port]


def test_no_encoding_is_accepted(shell, listen):
    got = heard(shell, listen())
    assert [v for n, v in got.headers if n.lower() == b"accept-encoding"] == [b"identity"]


@pytest.mark.parametrize(
    "header",
    [
        ("a\nb", "1"),
        ("a\r", "1"),
        ("a b", "1"),
        ("a:", "1"),
        ("", "1"),
        ("é", "1"),
        ("a\x00", "1"),
        ("a", "1\r\nb: 2"),
        ("a", "1\nb: 2"),
        ("a", "1\r"),
        ("a", "1\x00"),
        ("a", "\x7f"),
        ("a", "price €"),
        ("a", "\ud800"),
    ],
    ids=ascii,
)
def test_a_header_that_http_cannot_say_is_refused_before_anything_is_opened(shell, listen, header):
    peer = listen()
    with pytest.raises(InvalidRequestError) as caught:
        shell.send(Request(method="POST", url=peer.url, headers=[header]))
    assert caught.value.outcome_known
    assert peer.connections == 0


@pytest.mark.parametrize(
    "method", ["", "GE T", "GET\r\n", "GET / HTTP/1.1\r\nx: y\r\n\r\nGET", "é"]
)
def test_a_method_that_http_cannot_say_is_refused_before_anything_is_opened(shell, listen, method):
    peer = listen()
    with pytest.raises(InvalidRequestError):
        shell.send(Request(method=method, url=peer.url))
    assert peer.connections == 0


@pytest.mark.parametrize(
    "path",
    ["/a b", "/a\r\nx: y", "/a\n", "/\x00", "/é", "/a\tb", "/ HTTP/1.1\r\n\r\nGET /b", "/\ud800"],
    ids=ascii,
)
def test_a_target_that_http_cannot_say_is_refused_before_anything_is_opened(shell, listen, path):
    peer = listen()
    with pytest.raises(HardpointError) as caught:
        shell.send(Request(method="GET", url=peer.url + path))
    assert caught.value.outcome_known
    assert peer.connections == 0


@pytest.mark.parametrize(
    "header",
    [
        ("Content-Length", "5"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "elsewhere.example"),
    ],
)
def test_what_frames_a_request_is_the_transports_alone(shell, listen, header):
    peer = listen()
    outcome = shell.outcome(Request(method="POST", url=peer.url, headers=[header], body=b"a=1"))
    if isinstance(outcome, HardpointError):
        assert isinstance(outcome, InvalidRequestError)
        assert peer.connections == 0
        return
    (got,) = peer.heard
    names = [name.lower() for name, _ in got.headers]
    assert (names.count(b"content-length"), names.count(b"host")) == (1, 1)
    assert b"transfer-encoding" not in names
    assert got.body == b"a=1"


@pytest.mark.parametrize("seconds", [-1, -1.5, 0, float("nan"), float("inf"), float("-inf")])
def test_a_time_that_nobody_can_wait_is_refused_before_anything_is_opened(shell, serve, seconds):
    peer = serve()
    with pytest.raises(InvalidRequestError, match="timeout"):
        shell.send(Request(method="GET", url=peer.url, timeout=seconds))
    for name in ("timeout", "connect_timeout", "exchange"):
        with pytest.raises(ConfigurationError) as caught:
            Limits(**{name: seconds})
        assert caught.value.key == f"limits.{name}"
    assert peer.connections == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("connections", 0), ("connections", -1), ("idle_connections", -1)],
        *[("body_bytes_max", -1), ("idle_seconds", -1), ("idle_seconds", float("inf"))],
    ],
)
def test_a_bound_that_allows_nothing_is_refused(name, value):
    with pytest.raises(ConfigurationError) as caught:
        Limits(**{name: value})
    assert caught.value.key == f"limits.{name}"


@pytest.mark.parametrize(
    "address", ["localhost", "", "127.0.0.1 ", "127.1", (), ("127.0.0.1", "localhost"), ("",)]
)
def test_an_address_that_is_none_is_refused_before_anything_is_opened(shell, serve, address):
    peer = serve()
    with pytest.raises(InvalidRequestError, match="address"):
        shell.send(Request(method="GET", url=peer.url, address=address))
    assert peer.connections == 0


def test_an_error_says_what_was_being_handled_when_it_rose(shell, closed_port, serve):
    peer = serve(lambda line: line.request())

    async def scenario(transport, url):
        try:
            raise LookupError
        except LookupError:
            await transport.send(Request(method="GET", url=url))

    for url in (f"http://127.0.0.1:{closed_port}/", peer.url):
        with pytest.raises(HardpointError) as caught:
            shell.do(scenario(shell.open(), url))
        assert isinstance(caught.value.__context__, LookupError)
        assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, OSError)


def test_a_header_that_cannot_be_sent_is_quoted_nowhere(shell, listen):
    secret = str(10**20)  # a traceback quotes the lines of this test
    headers = (("authorization", f"Bearer {secret}\n"),)
    request = Request(method="POST", url=listen().url, headers=headers)
    with pytest.raises(InvalidRequestError) as caught:
        shell.send(request)
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_no_redirect_is_followed_and_no_cookie_kept(shell, listen):
    def script(line):
        while True:
            line.request()
            line.answer(status=b"302 Found", headers=b"location: /else\r\nset-cookie: a=1\r\n")

    peer = listen(script)
    transport = shell.open()
    for _ in range(2):
        assert shell.send(Request(method="GET", url=f"{peer.url}/a"), transport).status == 302
    assert peer.targets == [b"/a", b"/a"]
    assert b"cookie" not in {name.lower() for name, _ in peer.heard[1].headers}


SEND = """
import asyncio, sys
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run

kind, url = sys.argv[1:]
limits = Limits(timeout=5)

async def send():
    async with AsyncTransport(limits) as transport:
        return await transport.send(Request(method="GET", url=url))

try:
    if kind == "blocking":
        with BlockingTransport(limits) as transport:
            answer = run(transport.send(Request(method="GET", url=url)))
    elif kind == "uvloop":
        import uvloop
        answer = uvloop.run(send())
    else:
        answer = asyncio.run(send())
except Exception as error:
    print(type(error).__name__, error)
else:
    print(answer.status)
"""


def sent_by_a_process(kind, url, **environment):
    command = [sys.executable, "-c", textwrap.dedent(SEND), kind, url]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert not done.stderr
    return done.stdout


def test_the_environment_names_no_proxy_and_no_password(shell, listen, closed_port, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    proxy = f"http://127.0.0.1:{closed_port}"
    names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    peer = listen()
    environment = dict.fromkeys(names, proxy) | {"HOME": str(tmp_path)}
    assert sent_by_a_process(shell.kind, peer.url, **environment) == "200\n"
    assert b"authorization" not in {name.lower() for name, _ in peer.heard[0].headers}


def test_the_environment_names_no_authority_and_gets_no_keys(shell, listen, authority, tmp_path):
    peer = listen(tls=authority.serving())
    log = tmp_path / "keys"
    said = sent_by_a_process(
        shell.kind, peer.url, SSL_CERT_FILE=str(authority.file), SSLKEYLOGFILE=str(log)
    )
    assert "UnavailableError" in said
    assert "certificate" in said
    assert not log.exists()
