"""Who is at the other end: certificates, names, addresses, and handshakes that come to nothing."""

import ssl
import time
import warnings

import pytest

from hardpoint.core.errors import ConfigurationError, OutcomeUnknownError, UnavailableError
from hardpoint.http.messages import Request
from hardpoint.http.wire.trust import Trust


def get(url, path="/", **fields):
    return Request(method="GET", url=url + path, **fields)


def named(peer, name):
    return f"https://{name}:{peer.port}"


def test_a_certificate_of_a_known_authority_is_trusted(shell, listen, authority):
    peer = listen(tls=authority.serving("127.0.0.1"))
    assert shell.send(get(peer.url, "/a")).body == b"/a"


@pytest.mark.parametrize("tls", [None, Trust(), ssl.create_default_context()], ids=type)
def test_the_authorities_of_the_system_do_not_know_that_of_the_tests(shell, listen, authority, tls):
    peer = listen(tls=authority.serving("127.0.0.1"))
    with pytest.raises(UnavailableError, match="certificate") as caught:
        shell.send(get(peer.url), tls=tls)
    assert not caught.value.retryable
    assert not peer.heard


@pytest.mark.parametrize(
    ("names", "expired"),
    [(("other.example",), False), (("127.0.0.1",), True), (("127.0.0.2",), False)],
)
def test_a_certificate_for_another_name_or_time_is_refused_for_good(
    shell, listen, authority, names, expired
):
    peer = listen(tls=authority.serving(*names, expired=expired))
    with pytest.raises(UnavailableError, match="certificate") as caught:
        shell.send(get(peer.url))
    assert caught.value.outcome_known
    assert not caught.value.retryable
    assert not peer.heard


def garbage(line):
    line.end.recv(100)
    line.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


def closed(line):
    line.end.recv(100)


def reset(line):
    line.end.recv(100)
    line.reset()


@pytest.mark.parametrize("script", [garbage, closed, reset], ids=lambda script: script.__name__)
def test_a_handshake_that_comes_to_nothing_means_that_nothing_was_sent(shell, listen, script):
    peer = listen(script)
    with pytest.raises(UnavailableError) as caught:
        shell.send(get(f"https://127.0.0.1:{peer.port}"))
    assert caught.value.outcome_known


@pytest.mark.parametrize("bound", ["connect_timeout", "remaining", "exchange"])
def test_a_handshake_that_hangs_ends_in_time_and_nothing_was_sent(shell, listen, until, bound):
    peer = listen(lambda line: line.hold())
    began = time.monotonic()
    given = until(0.1) if bound == "remaining" else 0.1
    with pytest.raises(UnavailableError) as caught:
        shell.send(get(f"https://127.0.0.1:{peer.port}"), **{bound: given})
    assert caught.value.outcome_known
    assert time.monotonic() - began < 2


def test_a_handshake_that_drips_ends_in_time(shell, listen):
    def script(line):
        line.end.recv(100)
        line.send(b"\x16\x03\x03\x40\x00")
        line.drip(b"\x00")

    peer = listen(script)
    with pytest.raises(UnavailableError):
        shell.send(get(f"https://127.0.0.1:{peer.port}"), connect_timeout=0.1)


def test_old_tls_is_not_spoken(shell, listen, authority):
    context = authority.serving("127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    peer = listen(tls=context)
    with pytest.raises(UnavailableError) as caught:
        shell.send(get(peer.url))
    assert caught.value.outcome_known
    assert not peer.heard


def test_a_client_shows_its_certificate_where_it_has_one(shell, listen, authority):
    server = authority.serving("127.0.0.1")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(str(authority.file))

    def script(line):
        while True:
            line.request()
            line.answer(line.end.getpeercert()["subject"][0][0][1].encode())

    peer = listen(script, tls=server)
    client = authority.trusting()
    client.load_cert_chain(authority.issued("client.example"))
    assert shell.send(get(peer.url), tls=client).body == b"client.example"


def test_a_client_without_the_certificate_that_is_asked_for_gets_no_answer(
    shell, listen, authority
):
    server = authority.serving("127.0.0.1")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(str(authority.file))
    peer = listen(tls=server)
    with pytest.raises((UnavailableError, OutcomeUnknownError)):
        shell.send(get(peer.url))
    assert not peer.heard


def test_an_answer_that_ends_by_closing_must_be_closed_by_tls(shell, listen, authority):
    def script(line):
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        line.cut()

    peer = listen(script, tls=authority.serving())
    with pytest.raises(OutcomeUnknownError):
        shell.send(get(peer.url))


# Pinned: the connection goes to an address, and who answers there is the one that the URL names.


def test_a_pinned_request_asks_for_the_name_of_its_url(shell, listen, authority):
    context = authority.serving("vendor.example")
    asked = []
    context.sni_callback = lambda end, name, context: asked.append(name)
    peer = listen(tls=context)
    url = named(peer, "vendor.example")
    assert shell.send(get(url, "/a", address="127.0.0.1")).body == b"/a"
    hosts = [value for name, value in peer.heard[0].headers if name.lower() == b"host"]
    assert hosts == [b"vendor.example:%d" % peer.port]
    assert asked == ["vendor.example"]


def test_another_name_at_the_same_address_makes_a_handshake_of_its_own(shell, listen, authority):
    context = authority.serving("vendor.example")
    asked = []
    context.sni_callback = lambda end, name, context: asked.append(name)
    peer = listen(tls=context)
    transport = shell.open()
    first = get(named(peer, "vendor.example"), "/1", address="127.0.0.1")
    other = get(named(peer, "other.example"), "/2", address="127.0.0.1")
    assert shell.send(first, transport).body == b"/1"
    with pytest.raises(UnavailableError, match="certificate"):
        shell.send(other, transport)
    assert shell.send(first, transport).body == b"/1"
    assert asked == ["vendor.example", "other.example"]
    assert peer.targets == [b"/1", b"/1"]
    assert peer.connections == 2


def test_the_same_name_at_another_address_makes_a_connection_of_its_own(shell, listen):
    peer = listen(
        lambda line: (line.request(), line.answer(line.end.getsockname()[0].encode()), line.hold()),
        address="0.0.0.0",
    )
    transport = shell.open()
    url = f"http://localhost:{peer.port}"
    for address in ("127.0.0.1", "127.0.0.2"):
        assert shell.send(get(url, address=address), transport).body == address.encode()


def test_a_pinned_connection_does_not_serve_who_did_not_pin_it(shell, listen):
    peer = listen(address="0.0.0.0")
    transport = shell.open()
    url = f"http://127.0.0.1:{peer.port}"
    shell.send(get(url, address="127.0.0.2"), transport)
    shell.send(get(url), transport)
    assert peer.connections == 2


def test_a_pinned_connection_is_used_again_for_its_name_and_address(shell, listen, authority):
    peer = listen(tls=authority.serving("vendor.example"))
    transport = shell.open()
    for _ in range(3):
        shell.send(get(named(peer, "vendor.example"), address="127.0.0.1"), transport)
    assert peer.connections == 1


def test_a_name_written_in_capitals_is_the_same_name(shell, listen, authority):
    peer = listen(tls=authority.serving("vendor.example"))
    transport = shell.open()
    for name in ("vendor.example", "VENDOR.Example"):
        shell.send(get(named(peer, name), address="127.0.0.1"), transport)
    assert peer.connections == 1


def test_authorities_and_a_certificate_are_named_by_files(shell, listen, authority):
    server = authority.serving("127.0.0.1")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(str(authority.file))
    trust = Trust(authorities=authority.file, certificate=authority.issued("client.example"))
    assert shell.send(get(listen(tls=server).url, "/a"), tls=trust).body == b"/a"


@pytest.mark.parametrize("loose", ["unverified", "nameless", "old"])
def test_a_context_that_verifies_less_is_refused(shell, authority, loose):
    context = authority.trusting()
    if loose == "old":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1_1
    else:
        context.check_hostname = False
        if loose == "unverified":
            context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ConfigurationError, match="tls"):
        shell.open(tls=context)


def test_every_pinned_address_is_tried_within_the_time_to_connect(shell, listen):
    peer = listen(address="127.0.0.2")
    url = f"http://localhost:{peer.port}"
    answer = shell.send(get(url, "/a", address=("127.0.0.1", "127.0.0.2")))
    assert answer.body == b"/a"


@pytest.mark.parametrize("fault", ["hangs up", "garbage", "another's certificate"])
def test_a_handshake_that_fails_at_one_address_is_made_at_the_next(shell, listen, authority, fault):
    def script(line):
        line.more()
        if fault == "garbage":
            line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    tls = authority.serving("other.example") if fault == "another's certificate" else None
    wrong = listen(script, address="127.0.0.1", tls=tls)
    peer = listen(address="127.0.0.2", port=wrong.port, tls=authority.serving("localhost"))
    request = get(f"https://localhost:{peer.port}", "/a", address=("127.0.0.1", "127.0.0.2"))
    transport = shell.open()
    for _ in range(2):
        assert shell.send(request, transport).body == b"/a"
    assert (wrong.connections, peer.connections, wrong.heard) == (1, 1, [])


def test_when_no_address_makes_a_handshake_nothing_was_sent(shell, listen, authority):
    tls = authority.serving("other.example")
    first = listen(address="127.0.0.1", tls=tls)
    second = listen(address="127.0.0.2", port=first.port, tls=tls)
    request = get(f"https://localhost:{first.port}", address=("127.0.0.1", "127.0.0.2"))
    with pytest.raises(UnavailableError, match="trusted certificate"):
        shell.send(request)
    assert (first.connections, second.connections) == (1, 1)


def test_a_context_that_checks_in_its_own_way_is_refused(shell):
    """`truststore.SSLContext` verifies behind a handshake of its own; ours is made in steps."""

    class Own(ssl.SSLContext):
        def wrap_socket(self, *args, **options):
            raise AssertionError

    with pytest.raises(ConfigurationError, match="in its own way"):
        shell.open(tls=Own(ssl.PROTOCOL_TLS_CLIENT))
