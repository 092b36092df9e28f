"""An identity from end to end: its endpoint gives a token, the emulator takes it, and gives a key
that signs URLs; all of it as the machine of a customer would have it.
"""

import base64
import datetime as dt
import ipaddress
import json
import ssl
import time
import uuid

import httpx2
import pytest
from azure.storage.blob import BlobServiceClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import AuthenticationError, UnexpectedResponseError
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Response
from hardpoint.providers.azure import AzureBlob
from hardpoint.providers.azure.sharing import DelegationKey
from hardpoint.providers.azure.storage import AzureStorage
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.storage import SignedUse
from hardpoint.storage.api import ObjectStore
from hardpoint.sync.storage import ObjectStore as BlockingStore

from .conftest import ACCOUNT, KEY, emulator


def token(**claims):
    """One that the emulator believes: it looks at what it says, not at who has signed it."""
    now = int(time.time())
    said = {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
        "oid": str(uuid.uuid4()),
        "tid": str(uuid.uuid4()),
    }
    parts = [{"alg": "RS256", "typ": "JWT"}, {**said, **claims}]
    encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()) for one in parts]
    return b".".join([*encoded, b"c2ln"]).decode().replace("=", "")


class Identity:
    """The endpoint of a managed identity."""

    name = "identity"

    def __init__(self):
        self.ledger = Ledger()
        self.tokens = []

    def answer(self, request):
        given = self.tokens.pop(0) if self.tokens else token()
        document = {"access_token": given, "token_type": "Bearer", "resource": "r"}
        document |= {"expires_on": str(int(time.time()) + 3600)}
        kind = (("content-type", "application/json"),)
        return FakeReply(headers=kind, body=json.dumps(document).encode())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "cert.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


@pytest.fixture(scope="module")
def secure(certificate, tmp_path_factory):
    options = ["--cert", certificate / "cert.pem", "--key", certificate / "key.pem"]
    with emulator(tmp_path_factory.mktemp("secure"), "--oauth", "basic", *options) as url:
        yield f"{url}/{ACCOUNT}"


@pytest.fixture
def identity(monkeypatch):
    issuer = Identity()
    with FakeServer(issuer) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        yield issuer


@pytest.fixture
def trusting(certificate):
    return ssl.create_default_context(cafile=certificate / "cert.pem")


@pytest.fixture
def files(secure, certificate, identity, trusting):
    name = f"shop-{uuid.uuid4().hex}"
    with BlobServiceClient(
        secure, credential=KEY, connection_verify=str(certificate / "cert.pem")
    ) as official:
        official.create_container(name)
    settings = AzureBlob(account=ACCOUNT, container=name, credentials="chain", endpoint_url=secure)
    with BlockingTransport(tls=trusting) as transport:
        driver = AzureStorage(transport, settings)
        yield BlockingStore(ObjectStore(driver, Connection("files", BlockingRuntime())))


def test_a_token_proves_who_asks(files):
    files.put("a b", b"hello", metadata={"x-y": "z"})
    files.copy("a b", "c")
    assert files.get("c").data == b"hello"
    assert files.get("c").info.metadata == {"x-y": "z"}
    files.delete("c")
    assert [one.key for one in files.list()] == ["a b"]


def test_a_token_that_is_not_accepted_is_replaced_by_the_next_call(files, identity):
    identity.tokens = [token(exp=int(time.time()) - 60)]
    with pytest.raises(AuthenticationError):
        files.put("a", b"hello")
    files.put("a", b"hello")


def test_an_identitys_key_signs_urls(files, trusting):
    files.put("a b/ü", b"hello")
    with httpx2.Client(verify=trusting) as browser:
        url = files.sign_url("a b/ü", filename="a.txt")
        answer = browser.get(url)
        assert answer.content == b"hello"
        assert answer.headers["content-disposition"] == 'attachment; filename="a.txt"'
        assert browser.delete(url).status_code == 403
        assert browser.get(url.replace("a.txt", "b.txt")).status_code == 403
        again = files.sign_url("a b/ü", expires=60)
        assert browser.get(again).content == b"hello"


class Answering:
    """A transport that gives one body, and counts."""

    def __init__(self, body):
        self.body = body
        self.count = 0

    async def send(self, request):
        self.count += 1
        return Response(status=200, headers={}, body=self.body)


KEY_BODY = (
    "<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid>"
    "<SignedStart>s</SignedStart><SignedExpiry>e</SignedExpiry><SignedService>b</SignedService>"
    "<SignedVersion>v</SignedVersion><Value>{}</Value></UserDelegationKey>"
)


def driver(body):
    settings = AzureBlob(account="shop", container="files", credentials="chain")
    transport = Answering(body.encode())
    return AzureStorage(transport, settings), transport


@pytest.mark.usefixtures("identity")
def test_its_key_is_kept_as_long_as_what_it_signs_lasts():
    signing, transport = driver(KEY_BODY.format("a2V5"))
    for now in (0, 1000, 6 * 24 * 3600):
        url = run(signing.sign_url(SignedUse(key="a", expires=24 * 3600), now=now))
        assert "skoid=o" in url
        assert "spr=https" in url
    assert transport.count == 1
    run(signing.sign_url(SignedUse(key="a", expires=24 * 3600), now=6 * 24 * 3600 + 1))
    assert transport.count == 2


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize(
    "body", ["", "<UserDelegationKey/>", KEY_BODY.format(""), KEY_BODY.format("!")]
)
def test_a_key_in_no_shape_we_know_is_told_as_such(body):
    with pytest.raises(UnexpectedResponseError):
        run(driver(body)[0].sign_url(SignedUse(key="a"), now=0))


def test_its_key_is_not_shown():
    assert repr(DelegationKey(value=b"key", facts={}, ends=0)) == "DelegationKey(****)"
