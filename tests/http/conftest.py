"""Both shells, as one function each, and a vendor that answers what it is told."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.runtime.blocking import run


class Shells:
    """Makes transports of one kind; `send` gives the answer."""

    def __init__(self, kind):
        self.kind = kind
        self.runner = asyncio.Runner()
        self.open = []

    def __call__(self, **limits):
        options = {"remaining": limits.pop("remaining")} if "remaining" in limits else {}
        self.open.append(self.kind(Limits(**{"timeout": 5.0, **limits}), **options))
        return self.open[-1]

    def do(self, outcome):
        if self.kind is BlockingTransport:
            return run(outcome) if asyncio.iscoroutine(outcome) else outcome
        return self.runner.run(outcome)

    def send(self, request, **limits):
        return self.do(self(**limits).send(request))


@pytest.fixture(params=[AsyncTransport, BlockingTransport], ids=["async", "blocking"])
def shells(request):
    shells = Shells(request.param)
    yield shells
    for transport in shells.open:
        shells.do(transport.close())
    shells.runner.close()


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
    """HTTPS on loopback with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
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
