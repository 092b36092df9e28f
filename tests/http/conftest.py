"""Both shells, whom they trust, and a vendor that answers what it is told."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from functools import cache

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hardpoint.core.errors import HardpointError
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.runtime.blocking import run


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


OURS = object()
"""The authority of the tests."""


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

    def open(self, *, remaining=None, tls=OURS, **limits):
        """A transport that trusts the authority of the tests, unless told whom."""
        kind = BlockingTransport if self.blocking else AsyncTransport
        made = kind(
            Limits(**{"timeout": 5.0, **limits}),
            tls=self.authority.trusting() if tls is OURS else tls,
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
            thread.join(10)
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


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def shell_of(authority):
    """Makes shells of a kind, and closes them with the test."""
    made = []

    def make(kind):
        made.append(Shell(kind, authority))
        return made[-1]

    yield make
    for shell in made:
        shell.close()


@pytest.fixture(params=["asyncio", "blocking"])
def shells(request, shell_of):
    return shell_of(request.param)


class Scripted:
    """A vendor that gives the replies it was given, and keeps the requests."""

    name = "scripted"

    def __init__(self):
        self.ledger = Ledger()
        self.replies = []
        self.received = []

    def answer(self, request):
        self.received.append(request)
        return self.replies.pop(0) if self.replies else FakeReply.json({"path": request.path})


@pytest.fixture
def vendor():
    with FakeServer(Scripted()) as server:
        yield server


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
def dripping():
    """A server whose answer comes byte by byte, without an end."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n")
                while not ended.wait(0.005):
                    connection.sendall(b".")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    ended.set()
    listener.close()
    thread.join()


@pytest.fixture
def distrusted_port(tmp_path):
    """HTTPS on loopback with a certificate of an authority that no shell trusts."""
    context = Authority(tmp_path).serving()
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), connection:
                    context.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
