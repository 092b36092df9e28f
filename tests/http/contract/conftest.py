"""A raw server that does what a script says, and both shells, the asynchronous one on two loops."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hardpoint.core.errors import HardpointError
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run

PATIENCE = 10.0
"""Seconds after which a test has failed; nothing that goes well takes so long."""


class GoneError(ConnectionError):
    """The client closed the connection."""


@dataclass(frozen=True)
class Heard:
    """A request as its bytes came in."""

    head: bytes
    body: bytes

    @property
    def method(self):
        return self.head.split(b" ", 1)[0]

    @property
    def target(self):
        return self.head.split(b" ", 2)[1]

    @property
    def headers(self):
        lines = self.head.split(b"\r\n")[1:]
        return [tuple(line.split(b": ", 1)) for line in lines if line]


class Line:
    """One connection, as a script sees it."""

    def __init__(self, peer, end, number):
        self.peer = peer
        self.end = end
        self.number = number
        self._kept = b""

    def head(self):
        """The bytes of the next request up to its blank line."""
        while b"\r\n\r\n" not in self._kept:
            self._kept += self.more()
        head, _, self._kept = self._kept.partition(b"\r\n\r\n")
        return head + b"\r\n"

    def request(self):
        """The next request, whole."""
        head = self.head()
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if b"transfer-encoding: chunked" in head.lower():
            body = self._chunks()
        else:
            while len(self._kept) < length:
                self._kept += self.more()
            body, self._kept = self._kept[:length], self._kept[length:]
        heard = Heard(head, body)
        self.peer.heard.append(heard)
        return heard

    def _chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self._kept:
                self._kept += self.more()
            size, _, self._kept = self._kept.partition(b"\r\n")
            length = int(size, 16)
            while len(self._kept) < length + 2:
                self._kept += self.more()
            body, self._kept = body + self._kept[:length], self._kept[length + 2 :]
            if not length:
                return body

    def more(self):
        data = self.end.recv(65536)
        if not data:
            raise GoneError
        return data

    def skip(self, count):
        """Read so many bytes of a body."""
        while len(self._kept) < count:
            self._kept += self.more()
        self._kept = self._kept[count:]

    def send(self, data):
        self.end.sendall(data)

    def answer(self, body=b"", status=b"200 OK", headers=b""):
        length = b"content-length: %d\r\n" % len(body)
        self.send(b"HTTP/1.1 " + status + b"\r\n" + headers + length + b"\r\n" + body)

    def drip(self, piece, *, every=0.004, times=500):
        """Send a piece again and again, so slowly that nobody waits for the end of it."""
        for _ in range(times):
            if self.peer.ended.wait(every):
                raise GoneError
            self.send(piece)

    def flood(self, piece, *, most):
        """Send a piece until so many bytes have been taken; raises `OSError` when refused."""
        self.end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        while self.peer.taken < most:
            self.send(piece)
            self.peer.taken += len(piece)

    def hold(self):
        """Keep the connection, unread and unanswered, until the test is over."""
        self.peer.ended.wait(PATIENCE)

    def wait_until_gone(self):
        """Until the client has closed it; what it sends before is thrown away."""
        with contextlib.suppress(OSError):
            while self.end.recv(65536):
                pass
        self.peer.hung_up.set()

    def cut(self):
        """End TCP without the farewell of TLS."""
        socket.socket.shutdown(self.end, socket.SHUT_RDWR)
        self.end.close()

    def reset(self):
        self.end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end.close()

    def close(self):
        if isinstance(self.end, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                self.end.settimeout(0)
                self.end.unwrap()
        with contextlib.suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()


def echo(line):
    """Answer every request with its target."""
    while True:
        line.answer(line.request().target)


class Peer:
    """A server that plays a script on every connection, each in a thread of its own."""

    def __init__(self, script=echo, *, tls=None, address="127.0.0.1", port=0):
        self.script = script
        self.tls = tls
        self.heard = []
        self.connections = 0
        self.taken = 0
        self.errors = []
        self.ended = threading.Event()
        self.hung_up = threading.Event()
        self.go = threading.Event()
        self.done = threading.Event()
        self._listener = socket.create_server((address, port), backlog=128)
        self.port = self._listener.getsockname()[1]
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{address}:{self.port}"
        self._open = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def targets(self):
        return [one.target for one in self.heard]

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                end, _ = self._listener.accept()
                end.settimeout(PATIENCE)
                number, self.connections = self.connections, self.connections + 1
                thread = threading.Thread(target=self._serve, args=(end, number), daemon=True)
                self._threads.append(thread)
                self._open.add(end)
                thread.start()

    def _serve(self, raw, number):
        end = raw
        try:
            if self.tls is not None:
                end = self.tls.wrap_socket(raw, server_side=True)
                self._open.add(end)
            line = Line(self, end, number)
            self.script(line)
            line.close()
        except OSError:
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            end.close()
            self._open -= {end, raw}

    def wait_for(self, reached):
        """Until something is so; the waiting is bounded."""
        until = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < until, "never happened"
            time.sleep(0.001)

    def close(self):
        self.ended.set()
        self.go.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(end, socket.SHUT_RDWR)  # below TLS: a thread may be using it
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not self.errors, self.errors


class Authority:
    """Issues certificates, and contexts that show them or trust them."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.file = folder / "authority.pem"
        certificate = self._built(self.name, self.key, None, expired=False)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _built(self, subject, key, names, *, expired):
        now = dt.datetime.now(dt.UTC)
        start, end = (-3, -1) if expired else (-1, 1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=start))
            .not_valid_after(now + dt.timedelta(days=end))
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        if names is None:
            signing = dict.fromkeys(
                ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
                False,
            )
            builder = builder.add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                    **signing,
                ),
                critical=True,
            )
        else:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([alternative(name) for name in names]), critical=False
            )
        return builder.sign(self.key, hashes.SHA256())

    @cache  # noqa: B019 - it lives as long as the tests
    def issued(self, *names, expired=False):
        """The file with a key and a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = self._built(subject, key, names, expired=expired)
        file = self.folder / f"{len(list(self.folder.iterdir()))}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return file

    def serving(self, *names, expired=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            self.issued(*(names or ("127.0.0.1", "localhost")), expired=expired)
        )
        return context

    def trusting(self):
        context = ssl.create_default_context(cafile=str(self.file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Shell:
    """One kind of transport, on one kind of loop."""

    def __init__(self, kind, authority):
        self.kind = kind
        self.blocking = kind == "blocking"
        self.authority = authority
        self.loop_factory = uvloop.new_event_loop if kind == "uvloop" else asyncio.new_event_loop
        self._runner = None
        self._opened = []

    @property
    def runner(self):
        if self._runner is None:
            self._runner = asyncio.Runner(loop_factory=self.loop_factory)
        return self._runner

    def open(self, *, remaining=None, tls=None, **limits):
        """A transport that trusts the authority of the tests."""
        kind = BlockingTransport if self.blocking else AsyncTransport
        made = kind(
            Limits(**{"timeout": 5.0, **limits}),
            tls=tls or self.authority.trusting(),
            **({"remaining": remaining} if remaining else {}),
        )
        self._opened.append(made)
        return made

    def do(self, outcome):
        if self.blocking:
            return run(outcome) if asyncio.iscoroutine(outcome) else outcome
        return self.runner.run(outcome)

    def send(self, request, transport=None, **options):
        return self.do((transport or self.open(**options)).send(request))

    def outcome(self, request, transport=None, **options):
        """The answer, or our error; nothing else may come."""
        try:
            return self.send(request, transport, **options)
        except HardpointError as error:
            return error

    def together(self, transport, requests):
        """The outcomes of requests under way at the same time, in order."""
        if not self.blocking:

            async def gathered():
                sent = (transport.send(one) for one in requests)
                return await asyncio.gather(*sent, return_exceptions=True)

            return self.runner.run(gathered())
        outcomes = [None] * len(requests)

        def one(number):
            outcomes[number] = self.outcome(requests[number], transport)

        threads = [
            threading.Thread(target=one, args=(number,), daemon=True)
            for number in range(len(requests))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        return outcomes

    def settle(self):
        """Let the loop notice what has arrived."""
        if not self.blocking:

            async def turns():
                for _ in range(10):
                    await asyncio.sleep(0)

            self.runner.run(turns())

    def close(self):
        for transport in self._opened:
            self.do(transport.close())
        if self._runner is not None:
            self._runner.close()


def post(url, path="/", body=b"a=1", **fields):
    return Request(method="POST", url=url + path, body=body, **fields)


def get(url, path="/", **fields):
    return Request(method="GET", url=url + path, **fields)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["asyncio", "uvloop", "blocking"])
def shell(request, authority):
    shell = Shell(request.param, authority)
    yield shell
    shell.close()


@pytest.fixture
def listen():
    """Starts servers, and ends them with the test."""
    peers = []

    def start(script=echo, **options):
        peers.append(Peer(script, **options))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


@pytest.fixture(params=["plain", "tls"])
def serve(request, authority, listen):
    """The same over TCP and over TLS."""

    def start(script=echo, **options):
        tls = authority.serving() if request.param == "tls" else None
        return listen(script, tls=tls, **options)

    return start


@pytest.fixture
def until() -> Callable[[float], Callable[[], float]]:
    """The deadline of a call, as a transport is told it: what is left of it."""

    def deadline(seconds):
        ends = time.monotonic() + seconds
        return lambda: ends - time.monotonic()

    return deadline


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def full_port():
    """A port whose queue of connections is full, so that connecting takes for ever."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def post_to():
    return post


@pytest.fixture
def get_from():
    return get
