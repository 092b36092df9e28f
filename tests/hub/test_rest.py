"""Any API from a configuration file: `hub.rest`, in both hubs."""

import asyncio

import pytest

from hardpoint.clients import RestAnswer
from hardpoint.clients.rest.fake import FakeRest
from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes.faults import status
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.connections import QUOTAS
from hardpoint.hub.hub import Hub
from hardpoint.sync import Hub as BlockingHub
from hardpoint.testing import no_delays

CONFIGURATION = """
[store]
url = "sqlite:events.db"

[connections.crm]
provider = "rest"
base_url = "{url}/v2"
key = "env:CRM_KEY"
{more}
"""


@pytest.fixture
def server():
    with FakeServer(FakeRest()) as running:
        running.app.on("GET /v2/deals/7", {"id": 7})
        running.app.on("POST /v2/deals", {"id": 8})
        yield running


@pytest.fixture
def load(tmp_path, monkeypatch, server):
    monkeypatch.setenv("CRM_KEY", "sk_crm_123456")

    def loaded(more="", kind=Hub):
        path = tmp_path / "hardpoint.toml"
        path.write_text(CONFIGURATION.format(url=server.url, more=more))
        return kind.load(path)

    return loaded


def test_a_call_is_answered(load, server):
    async def main():
        async with load() as hub:
            return await hub.rest("crm").get("/deals/{id}", id=7, into=dict)

    with no_delays():
        server.faults.next(status(503))
        assert asyncio.run(main()) == {"id": 7}
    assert server.requests == 2
    assert server.app.received[0].headers["authorization"] == "Bearer sk_crm_123456"


def test_a_call_is_answered_without_await(load, server):
    with no_delays(), load(kind=BlockingHub) as hub:
        server.faults.next(status(503))
        assert hub.rest("crm").get("/deals/{id}", id=7, into=dict) == {"id": 7}
    assert server.requests == 2


def test_where_the_api_knows_no_keys_the_journal_stands_in(load, server):
    with load(kind=BlockingHub) as hub:
        crm = hub.rest("crm")
        first = crm.post("/deals", json={"name": "x"}, idempotency_key="order-7", into=dict)
        again = crm.post("/deals", json={"name": "x"}, idempotency_key="order-7")
    assert (first, again.json(), type(again)) == ({"id": 8}, {"id": 8}, RestAnswer)
    assert server.app.ledger.count("call") == 1


MORE = """
auth = "header"
header = "X-Api-Key"
prefix = "Token "
headers = { "X-Version" = "3" }
hosts = ["files.crm.example"]
idempotency_header = "Idempotency-Key"
error = { code = "/code" }
errors = { "17" = "rate_limited" }
body_bytes_max = 1000
"""


def test_everything_can_be_said_in_the_file(load, server):
    with no_delays(), load(MORE, kind=BlockingHub) as hub:
        crm = hub.rest("crm")
        crm.post("/deals", idempotency_key="order-7")
        server.app.on("GET /v2/large", "x" * 1001)
        with pytest.raises(Exception, match="larger than 1000 bytes"):
            crm.get("/large")
    headers = server.app.received[0].headers
    assert (headers["x-api-key"], headers["x-version"]) == ("Token sk_crm_123456", "3")
    assert headers["idempotency-key"] == "order-7"


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('auth = "query"', "auth"),
        ('auth = "digest"', "auth"),
        ('auth = "basic"', "user"),
        ('auth = "header"', "header"),
        ('auth = "header"\nheader = "a b"', "header"),
        ('auth = "none"', "key"),
        ('auth = "oauth"', "key"),
        ('auth = "mtls"', "certificate"),
        ('auth = "hmac"', "signing"),
        ('auth = "hmac"\nsigning = { signed = "{method}" }', "signing"),
        ('auth = "hmac"\nsigning = { header = "X", signed = "{timestamp}" }', "signing.signed"),
        (
            'auth = "hmac"\nsigning = { header = "X", signed = "{timestamp}{body}" }',
            "signing.timestamp_header",
        ),
        ('auth = "hmac"\nsigning = { user = "x" }', "signing.user"),
        ('auth = "rfc9421"\nuser = "k"\nsigning = { algorithm = "md5" }', "signing.algorithm"),
        ('auth = "sigv4"\nuser = "k"\nsigning = { region = "x" }', "signing"),
        ('auth = "oauth1"', "user"),
        ('signing = { header = "X" }', "signing"),
        ('certificate_key = "key.pem"', "certificate"),
        ('rate_headers = "twice"', "rate_headers"),
        ("hosts = [1]", "hosts"),
        ('hosts = ["a b"]', "hosts"),
        ('headers = { "a b" = "1" }', "headers.a b"),
        ('headers = { "X-A" = 1 }', "headers.X-A"),
        ('idempotency_header = ":"', "idempotency_header"),
        ("key_length_max = 20", "key_length_max"),
        ('error = { code = "code" }', "error.code"),
        ('error = { text = "/text" }', "error.text"),
        ('errors = { "17" = "odd" }', "errors.17"),
        ('baseurl = "x"', "baseurl"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key(load, more, key):
    with pytest.raises(ConfigurationError) as caught:
        load(more)
    assert caught.value.key == f"connections.crm.{key}"


def test_an_address_of_plain_http_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CRM_KEY", "x")
    path = tmp_path / "hardpoint.toml"
    for url in ("http://api.example", "https://user@api.example", "https://api.example/?a=1"):
        path.write_text(CONFIGURATION.format(url=url, more=""))
        with pytest.raises(ConfigurationError) as caught:
            Hub.load(path)
        assert caught.value.key == "connections.crm.base_url"


def test_a_connection_of_a_vendor_has_no_rest(tmp_path):
    path = tmp_path / "hardpoint.toml"
    (tmp_path / "files").mkdir()
    path.write_text('[connections.files]\nprovider = "filesystem"\npath = "files"\n')
    hub = BlockingHub.load(path)
    with pytest.raises(ConfigurationError, match="Providers with rest: rest"):
        hub.rest("files")


def test_a_rate_of_the_configurations_own_goes_before_the_one_that_only_heeds(load):
    with load(kind=BlockingHub) as hub:
        assert hub.policy("crm").settings.rate == QUOTAS
    with load("policy = { rate = 10 }", kind=BlockingHub) as hub:
        assert hub.policy("crm").settings.rate.calls == 10
    with load('rate_headers = "none"', kind=BlockingHub) as hub:
        assert hub.policy("crm").settings.rate is None


SIGNED = [
    ('auth = "basic"\nuser = "me"', "authorization", "Basic bWU6c2tfY3JtXzEyMzQ1Ng=="),
    (
        'auth = "hmac"\nsigning = { header = "X-Signature", signed = "{method}{target}{body}" }',
        "x-signature",
        "",
    ),
    (
        'auth = "sigv4"\nuser = "AKID"\nsigning = { region = "x", service = "y" }',
        "authorization",
        "AWS4-HMAC-SHA256 ",
    ),
    (
        'auth = "oauth1"\nuser = "ck"\nsigning = { token = "t" }\ntoken_secret = "env:CRM_KEY"',
        "authorization",
        "OAuth ",
    ),
    (
        'auth = "rfc9421"\nuser = "k"\nsigning = { algorithm = "hmac-sha256" }',
        "signature",
        "sig1=:",
    ),
]


@pytest.mark.parametrize("proof", SIGNED)
def test_each_attempt_is_proved_as_the_file_says(load, server, monkeypatch, proof):
    more, header, begins = proof
    with no_delays(), load(more, kind=BlockingHub) as hub:
        if "rfc9421" in more:
            monkeypatch.setenv("CRM_KEY", "c2VjcmV0")
        server.faults.next(status(503))
        hub.rest("crm").get("/deals/7")
        shown = hub.rest("crm").curl("POST", "/deals", json={"a": "it's"}, query={"b": 1})
    assert [one.headers[header].startswith(begins) for one in server.app.received] == [True]
    assert server.requests == 2
    assert "sk_crm" not in shown


def test_a_command_line_names_secrets_and_shows_none(load, server):
    with load('headers = { "X-Version" = "3" }', kind=BlockingHub) as hub:
        shown = hub.rest("crm").curl("POST", "/deals", json={"a": "it's"}, query={"b": 1})
    assert shown == (
        f"curl --fail-with-body -X POST '{server.url}/v2/deals?b=1' "
        "-H \"authorization: Bearer $CRM_KEY\" -H 'X-Version: 3' "
        "-H 'content-type: application/json' --data-binary '{\"a\":\"it'\"'\"'s\"}'"
    )


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (
            'auth = "basic"\nuser = "me"',
            '"authorization: Basic $(printf %s "me:$CRM_KEY" | base64 -w0)"',
        ),
        ('auth = "header"\nheader = "X-Key"\nprefix = "Token "', '"X-Key: Token $CRM_KEY"'),
        (
            'auth = "hmac"\nsigning = { header = "X", signed = "{body}" }',
            "(signed by hmac, anew each time)",
        ),
    ],
)
def test_each_way_of_proof_is_shown_without_its_secret(load, more, part):
    with load(more, kind=BlockingHub) as hub:
        assert part in hub.rest("crm").curl("GET", "/deals")
