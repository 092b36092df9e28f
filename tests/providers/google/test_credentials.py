"""Tokens of Google's: by google-auth, fetched once for all, and by no more requests than one."""

import asyncio
import json
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.google import credentials
from hardpoint.providers.google.credentials import GoogleCredentials, GoogleTokens
from hardpoint.runtime.blocking import run
from hardpoint.runtime.clocks import SystemClock

EMAIL = "shop@project.iam.gserviceaccount.com"


class Issuer:
    """A token endpoint or a metadata server on loopback: gives replies, and keeps requests."""

    name = "issuer"

    def __init__(self):
        self.ledger = Ledger()
        self.requests = []
        self.status = 200
        self.said = {}

    def answer(self, request):
        self.requests.append(request)
        document = {"access_token": f"token-{len(self.requests)}", "expires_in": 3600}
        document |= {"email": EMAIL, "scopes": []}
        return FakeReply(
            status=self.status,
            headers=(("content-type", "application/json"), ("metadata-flavor", "Google")),
            body=json.dumps(self.said or document).encode(),
        )


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def served(issuer):
    with FakeServer(issuer) as server:
        yield server.url


@pytest.fixture(scope="module")
def private_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def account(private_key, served):
    """A service account's document."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "1",
            "private_key": private_key,
            "client_email": EMAIL,
            "token_uri": f"{served}/token",
        }
    )


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """One that has nothing, whatever the developer's has."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:1")
    monkeypatch.setenv("GCE_METADATA_MTLS_MODE", "none")


def tokens(document):
    return GoogleTokens(document if document == "chain" else Secret.value(document), SystemClock())


def used(of):
    ((name, value),) = run(of.headers())
    assert name == "authorization"
    return value


def test_a_service_account_gets_a_token_for_all_who_ask(account, issuer):
    of = tokens(account)
    assert of.secrets() == ()
    run(of.rejected(()))

    async def story():
        return await asyncio.gather(*(of.headers() for _ in range(9)))

    assert set(asyncio.run(story())) == {(("authorization", "Bearer token-1"),)}
    assert used(of) == "Bearer token-1"
    (request,) = issuer.requests
    assert parse_qs(request.body.decode())["assertion"]
    assert of.secrets() == ("token-1",)


def test_a_token_that_is_not_accepted_is_replaced(account):
    of = tokens(account)
    first = run(of.headers())
    run(of.rejected((("authorization", "Bearer another"),)))
    assert run(of.headers()) == first
    run(of.rejected(first))
    assert used(of) == "Bearer token-2"


def test_tokens_go_to_the_vendors_hosts_only(account):
    of = tokens(account)
    assert of.permits("storage.googleapis.com")
    assert not of.permits("storage.googleapis.com.evil.example")


def test_a_document_that_has_changed_is_read_anew(account, tmp_path):
    path = tmp_path / "account.json"
    path.write_text(account)
    path.chmod(0o600)
    of = GoogleCredentials(Secret.file(path), ())
    first = of.loaded()
    assert of.loaded() is first
    path.write_text(account.replace("shop@", "other@"))
    assert of.loaded() is not first


def workload(served, **source):
    return json.dumps(
        {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{served}/sts",
            "credential_source": source,
        }
    )


def test_a_workload_brings_a_token_of_its_own(served, issuer, tmp_path):
    (tmp_path / "token").write_text("a.b.c")
    issuer.said = {"access_token": "workload-token", "expires_in": 3600}
    assert used(tokens(workload(served, file=str(tmp_path / "token")))) == "Bearer workload-token"
    (request,) = issuer.requests
    assert parse_qs(request.body.decode())["subject_token"] == ["a.b.c"]


def test_a_document_runs_no_program(served):
    with pytest.raises(ConfigurationError, match="not a document"):
        run(tokens(workload(served, executable={"command": "/bin/true"})).headers())


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"type": "service_account"}'])
def test_a_document_that_is_none_is_refused(text):
    with pytest.raises(ConfigurationError, match="not a document of credentials"):
        run(tokens(text).headers())


def test_they_need_their_extra(monkeypatch):
    monkeypatch.setattr(credentials, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'hardpoint\[gcp\]'"):
        tokens("chain")


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (400, {"error": "invalid_grant"}, AuthenticationError),
        (400, {"error": "internal_failure"}, UnavailableError),
        (429, {}, RateLimitedError),
        (408, {}, UnavailableError),
        (503, {}, UnavailableError),
        (200, {"nothing": 1}, AuthenticationError),
    ],
)
def test_a_token_endpoint_that_refuses_is_asked_once(account, issuer, status, said, error):
    issuer.status, issuer.said = status, said
    with pytest.raises(error, match="nothing was sent"):
        run(tokens(account).headers())
    assert len(issuer.requests) == 1


def test_a_token_endpoint_that_is_not_there_is_asked_once(account, served):
    elsewhere = account.replace(served, "http://127.0.0.1:1")
    with pytest.raises(UnavailableError, match="no answer"):
        run(tokens(elsewhere).headers())


def test_the_chain_finds_the_document_that_the_environment_names(account, tmp_path, monkeypatch):
    path = tmp_path / "account.json"
    path.write_text(account)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    assert used(tokens("chain")) == "Bearer token-1"


def test_a_chain_that_finds_nothing_says_what_to_do():
    with pytest.raises(ConfigurationError, match="Set GOOGLE_APPLICATION_CREDENTIALS"):
        run(tokens("chain").headers())


@pytest.fixture
def metadata(issuer, served, monkeypatch):
    """The metadata server of a machine in the vendor's cloud."""
    host = served.removeprefix("http://")
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", False)
    monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", host)
    monkeypatch.setenv("GCE_METADATA_IP", host)
    return issuer


def test_the_chain_finds_the_account_of_the_machine(metadata):
    of = tokens("chain")
    assert used(of).startswith("Bearer token-")
    count = len(metadata.requests)
    metadata.status = 503
    with pytest.raises(UnavailableError):
        of.library.fetch()
    assert len(metadata.requests) == count + 1


def test_a_machine_elsewhere_is_looked_for_once(metadata, monkeypatch):
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="finds none"):
        run(tokens("chain").headers())


def test_what_the_library_calls_its_own_trouble_may_be_tried_again(account, monkeypatch):
    from google.auth import exceptions

    of = GoogleCredentials(Secret.value(account), ())

    def broken(request):
        raise exceptions.MutualTLSChannelError("no certificate")

    monkeypatch.setattr(of.loaded(), "refresh", broken)
    with pytest.raises(UnavailableError, match="MutualTLSChannelError"):
        of.fetch()
