"""The server that every client talks to, plain and over TLS, in a process of its own.

    python -m bench.wire.server FOLDER    # tells its two ports; serves until its input ends

`/s` is answered with 200 bytes, `/l` with 100 KB; `/h` like `/s`, but only when as many requests
wait as its query says, so that a client has to open as many connections.
"""

import asyncio
import datetime as dt
import ipaddress
import ssl
import sys
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.results import tell


def answer(size: int) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\ndate: Mon, 30 Nov 2026 09:00:00 GMT\r\n"
        "content-type: application/json\r\nrequest-id: req_bench\r\n"
        f"content-length: {size}\r\n\r\n"
    )
    return head.encode() + b"x" * size


PATIENCE = 600
"""Seconds for a handshake: a machine that is busy with other things breaks none off."""
SMALL, LARGE = answer(200), answer(100_000)


class Connection(asyncio.Protocol):
    waiting: ClassVar[list["Connection"]] = []

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            _, _, after = head.lower().partition(b"\r\ncontent-length:")
            whole = end + 4 + (int(after.split(b"\r\n", 1)[0]) if after else 0)
            if len(self._data) < whole:
                return
            self._data = self._data[whole:]
            target = head.split(b" ", 2)[1]
            if target.startswith(b"/h?"):
                self._hold(int(target[3:]))
            else:
                self._transport.write(LARGE if target == b"/l" else SMALL)

    def _hold(self, count: int) -> None:
        self.waiting.append(self)
        if len(self.waiting) >= count:
            for one in self.waiting:
                one._transport.write(SMALL)
            self.waiting.clear()


def certificate(folder: Path) -> ssl.SSLContext:
    """A context for 127.0.0.1; clients trust the authority in `ca.pem` of the folder."""
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench authority")])
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    top = signed(authority, name, authority, name, x509.BasicConstraints(ca=True, path_length=0))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    leaf = signed(key, subject, authority, name, loopback)
    (folder / "ca.pem").write_bytes(top.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "server.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


SIGNING = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def signed(key, subject, authority, issuer, extension) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    top = isinstance(extension, x509.BasicConstraints)
    usage = x509.KeyUsage(key_cert_sign=True, crl_sign=True, **SIGNING)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(extension, critical=top)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(  # Python 3.13 asks for it
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
    )
    if top:
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(authority, hashes.SHA256())


async def serve(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(Connection, "127.0.0.1", 0, backlog=256)
    secure = await loop.create_server(
        Connection,
        "127.0.0.1",
        0,
        ssl=certificate(folder),
        backlog=256,
        ssl_handshake_timeout=PATIENCE,
    )
    tell([server.sockets[0].getsockname()[1] for server in (plain, secure)])
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(Path(sys.argv[1])))
