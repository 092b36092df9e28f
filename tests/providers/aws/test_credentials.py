"""Where keys come from: settings, a document, the chain; fetched once, and by no more requests."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from hardpoint.core.errors import AuthenticationError, ConfigurationError, UnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.aws import AwsAccount, credentials
from hardpoint.providers.aws.credentials import AwsChain, AwsSigners
from hardpoint.runtime.blocking import run
from hardpoint.runtime.clocks import SystemClock

WEB_IDENTITY = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAWEB</AccessKeyId>
<SecretAccessKey>web-secret</SecretAccessKey><SessionToken>web-token</SessionToken>
<Expiration>{until}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


class Issuer:
    """A metadata service or a token service on loopback: gives replies, and keeps requests."""

    name = "issuer"

    def __init__(self):
        self.ledger = Ledger()
        self.requests = []
        self.reply = FakeReply(status=500)

    def answer(self, request):
        self.requests.append(request)
        return self.reply

    def gives(self, **document):
        self.reply = FakeReply(
            headers=(("content-type", "application/json"),), body=json.dumps(document).encode()
        )


def until(**ahead):
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def served(issuer):
    with FakeServer(issuer) as server:
        yield server.url


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """One that has nothing, whatever the developer's has."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def signers(**account):
    return AwsSigners(AwsAccount(**account), "sqs", SystemClock(), region="eu-central-1")


def keys(of):
    """Who signs, by what a request carries, and the token beside it."""
    headers = dict(run(of.headers("GET", "https://a.example/", (), b"", now=1.8e9)))
    scope = headers["authorization"].partition("Credential=")[2].partition(",")[0]
    assert scope.endswith("/eu-central-1/sqs/aws4_request")
    return scope.partition("/")[0], headers.get("x-amz-security-token")


def test_those_of_the_settings_sign_and_their_secrets_are_read_at_each_use(monkeypatch):
    monkeypatch.setenv("KEY", "first")
    of = signers(access_key_id="AKIA1", secret_access_key=Secret.env("KEY"))
    assert keys(of) == ("AKIA1", None)
    assert of.secrets() == ("first",)
    monkeypatch.setenv("KEY", "second")
    assert of.secrets() == ("second",)
    run(of.rejected("ExpiredToken"))  # there are no others


def test_a_document_changes_all_of_them_at_once(tmp_path):
    path = tmp_path / "keys.json"

    def write(number):
        document = {"Version": 1, "AccessKeyId": f"ASIA{number}", "SecretAccessKey": f"s{number}"}
        document |= {"SessionToken": f"t{number}", "Expiration": until(hours=1)}
        path.write_text(json.dumps(document))
        path.chmod(0o600)

    write(1)
    of = signers(credentials=Secret.file(path))
    assert keys(of) == ("ASIA1", "t1")
    signer = run(of.current())
    assert run(of.current()) is signer
    write(2)
    assert keys(of) == ("ASIA2", "t2")
    assert of.secrets() == ("s2", "t2")
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match="not a document of keys"):
        run(of.current())


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"AccessKeyId": "AKIA1"}',
        '{"AccessKeyId": "a b", "SecretAccessKey": "s"}',
        '{"AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t\\n"}',
    ],
)
def test_a_document_that_is_none_is_refused_when_it_is_named(text):
    with pytest.raises(ConfigurationError) as caught:
        signers(credentials=Secret.value(text))
    assert caught.value.key == "credentials"
    assert len(text) < 3 or text not in str(caught.value)


def test_the_chain_needs_its_extra(monkeypatch):
    monkeypatch.setattr(credentials, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'hardpoint\[aws\]'"):
        signers(credentials="chain")


def test_the_chain_finds_those_of_the_environment_and_others_if_they_are_not_accepted(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    of = signers(credentials="chain")
    assert of.secrets() == ()
    assert keys(of) == ("AKIAENV", None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANEW")
    run(of.rejected("AccessDenied"))  # others would not do either
    assert keys(of) == ("AKIAENV", None)
    run(of.rejected("InvalidAccessKeyId"))
    assert keys(of) == ("AKIANEW", None)


def test_the_chain_finds_those_of_a_profile(machine):
    (machine / "credentials").write_text(
        "[shop]\naws_access_key_id = AKIASHOP\naws_secret_access_key = shop-secret\n"
    )
    assert keys(signers(credentials="chain", profile="shop")) == ("AKIASHOP", None)
    with pytest.raises(ConfigurationError, match="ProfileNotFound"):
        run(signers(credentials="chain", profile="none").current())


def test_a_chain_that_finds_nothing_says_what_to_do():
    with pytest.raises(ConfigurationError, match="Set AWS_ACCESS_KEY_ID"):
        run(signers(credentials="chain").current())


@pytest.fixture
def container(issuer, served, monkeypatch):
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{served}/keys")
    issuer.gives(
        AccessKeyId="ASIABOX", SecretAccessKey="s", Token="box-token", Expiration=until(hours=6)
    )
    return issuer


def test_those_of_a_container_are_fetched_once_for_all(container):
    of = signers(credentials="chain")

    async def story():
        return await asyncio.gather(*(of.current() for _ in range(9)))

    assert len(set(asyncio.run(story()))) == 1
    assert keys(of) == ("ASIABOX", "box-token")
    assert len(container.requests) == 1


def test_those_of_a_container_are_fetched_anew_shortly_before_they_end(container):
    chain = AwsChain(None)
    container.gives(AccessKeyId="A1", SecretAccessKey="s", Token="t", Expiration=until(minutes=4))
    first, ends = chain.fetch()
    assert ends == pytest.approx(time.time() + 240, abs=2)
    container.gives(AccessKeyId="A2", SecretAccessKey="s", Token="t", Expiration=until(hours=6))
    assert chain.fetch()[0].access_key_id == "A2"
    assert repr(first) == "AwsKeys(****)"


def test_a_container_in_trouble_is_asked_once(container):
    container.reply = FakeReply(status=500)
    with pytest.raises(UnavailableError, match=r"CredentialRetrievalError|MetadataRetrievalError"):
        run(signers(credentials="chain").current())
    assert len(container.requests) == 1


@pytest.fixture
def web_identity(issuer, served, machine, monkeypatch):
    (machine / "token").write_text("web.identity.token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(machine / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/shop")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", served)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    body = WEB_IDENTITY.format(until=until(hours=1)).encode()
    issuer.reply = FakeReply(headers=(("content-type", "text/xml"),), body=body)
    return issuer


def test_a_web_identity_becomes_keys(web_identity):
    assert keys(signers(credentials="chain")) == ("ASIAWEB", "web-token")
    (request,) = web_identity.requests
    assert parse_qs(request.body.decode())["WebIdentityToken"] == ["web.identity.token"]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", AuthenticationError),
        (429, "Throttling", UnavailableError),
        (503, "ServiceUnavailable", UnavailableError),
    ],
)
def test_a_token_service_that_refuses_is_asked_once(web_identity, status, code, error):
    body = f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>".encode()
    web_identity.reply = FakeReply(
        status=status, headers=(("content-type", "text/xml"),), body=body
    )
    with pytest.raises(error, match=code):
        run(signers(credentials="chain").current())
    assert len(web_identity.requests) == 1


def test_a_sign_on_that_has_ended_says_so(machine):
    (machine / "config").write_text(
        "[profile shop]\nsso_start_url = https://a.example\nsso_region = eu-central-1\n"
        "sso_account_id = 1\nsso_role_name = r\n"
    )
    with pytest.raises(AuthenticationError, match="aws sso login"):
        run(signers(credentials="chain", profile="shop").current())
