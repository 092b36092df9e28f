"""Connections as they are written in the configuration."""

import dataclasses
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.core.providers import Provider
from hardpoint.hub import connections
from hardpoint.hub.connections import ConnectionPolicy, ConnectionSettings
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.providers.stripe import Stripe

STORE = '[store]\nurl = "sqlite:events.db"\n'
BILLING = """
[connections.billing]
provider = "stripe"
secret_key = "env:HP_KEY"
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setenv("HP_KEY", "sk_test_1")

    def load_one(text, **options):
        path = tmp_path / "hardpoint.toml"
        path.write_text(STORE + text)
        return Settings.load(path, **options)

    return load_one


@pytest.fixture
def refused(load):
    def refusal(text):
        with pytest.raises(ConfigurationError) as caught:
            load(text).connections["billing"].build()
        return caught.value

    return refusal


def test_a_connection_is_its_providers_settings_and_a_policy(load):
    policy = """
    live = false
    [connections.billing.policy]
    preset = "two_retries"
    timeout = 2.5
    deadline = 20
    failures = 2
    recovery = 0.5
    rate = 50
    concurrency = 8
    """
    billing = load(BILLING + policy).connections["billing"]

    settings = billing.build()
    assert isinstance(settings, Stripe)
    assert (settings.secret_key.reveal(), settings.live) == ("sk_test_1", False)
    options = billing.policy.policy("billing", Listeners()).settings
    assert (options.timeout, options.deadline, options.retry.attempts) == (2.5, 20.0, 3)
    assert (options.breaker.failures, options.breaker.recovery) == (2, 0.5)
    assert (options.rate.calls, options.bulkhead.calls, options.bulkhead.queue) == (50, 8, 32)


def test_without_a_policy_there_is_one_with_the_documented_defaults(load):
    options = load(BILLING).connections["billing"].policy.policy("billing", Listeners()).settings

    assert (options.timeout, options.deadline, options.retry.attempts) == (10.0, None, 5)
    assert (options.breaker.failures, options.rate, options.bulkhead) == (5, None, None)


def test_a_field_that_python_may_not_call_by_its_name_is_written_as_it_is_called(load, monkeypatch):
    monkeypatch.setenv("HP_TOKEN", "token")
    text = f"""
    [connections.texts]
    provider = "twilio"
    account_sid = "AC{"0" * 32}"
    secret = "env:HP_TOKEN"
    from = "+4917012345678"
    """
    texts = load(text).connections["texts"]

    assert texts.build().from_ == "+4917012345678"
    assert texts.build(status_url="https://shop.example/s").status_url == "https://shop.example/s"
    assert load(BILLING).connections["billing"].build(status_url="https://shop.example/s")


def test_the_secrets_of_connections_are_known_by_the_path_of_their_key(load):
    keys = [key for key, _ in load(BILLING).secrets()]
    assert keys == ["connections.billing.secret_key"]


def test_to_look_into_the_store_one_needs_no_secret_of_a_connection(load, monkeypatch):
    monkeypatch.delenv("HP_KEY")
    assert load(BILLING, secrets=False).connections["billing"].provider == "stripe"
    with pytest.raises(ConfigurationError) as caught:
        load(BILLING)
    assert caught.value.key == "connections.billing.secret_key"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[connections]\nbilling = 1", "connections.billing"),
        ('[connections."Bil ling"]\nprovider = "stripe"', "connections.Bil ling"),
        ("[connections.billing]", "connections.billing.provider"),
        ('[connections.billing]\nprovider = "nobody"', "connections.billing.provider"),
        ('[connections.billing]\nprovider = "github"', "connections.billing.provider"),
        ('[connections.billing]\nprovider = "stripe"', "connections.billing.secret_key"),
        (
            '[connections.billing]\nprovider = "stripe"\nsecret_key = "sk_test_1"',
            "connections.billing.secret_key",
        ),
        (BILLING + "live = 1", "connections.billing.live"),
        (BILLING + "live = true", "connections.billing.secret_key"),
        (BILLING + "secret = 1", "connections.billing.secret"),
        (BILLING + "base_url = 1", "connections.billing.base_url"),
        (BILLING + "policy = 1", "connections.billing.policy"),
        (BILLING + "policy.retries = 1", "connections.billing.policy.retries"),
        (BILLING + 'policy.preset = "many"', "connections.billing.policy.preset"),
        (BILLING + "policy.timeout = 0", "connections.billing.policy.timeout"),
        (BILLING + "policy.timeout = true", "connections.billing.policy.timeout"),
        (BILLING + "policy.rate = inf", "connections.billing.policy.rate"),
        (BILLING + "policy.deadline = nan", "connections.billing.policy.deadline"),
        (BILLING + "policy = {timeout = 5, deadline = 4}", "connections.billing.policy.deadline"),
        (BILLING + "policy.concurrency = 1.5", "connections.billing.policy.concurrency"),
    ],
)
def test_what_is_wrong_is_refused_by_the_path_of_its_key(refused, text, key):
    refusal = refused(text)
    assert refusal.key == key
    assert "sk_test_1" not in str(refusal)


def test_every_type_of_a_providers_settings_can_be_written(load, monkeypatch, tmp_path):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Acme:
        folder: Path
        size: int
        seconds: float | None = None
        name: str = ""

    manifest = Provider(name="acme", title="Acme", settings="acme:Acme")
    monkeypatch.setattr(connections, "provider", lambda name: manifest)
    monkeypatch.setattr(connections, "load", lambda reference: Acme)
    text = '[connections.a]\nprovider = "acme"\nfolder = "files"\nsize = 3\nseconds = 2\n'

    assert load(text).connections["a"].build() == Acme(
        folder=tmp_path / "files", size=3, seconds=2.0
    )
    with pytest.raises(ConfigurationError, match=r"connections\.a\.size"):
        load(text.replace("size = 3", "size = 0"))


def test_settings_made_in_code_are_refused_alike():
    billing = ConnectionSettings(name="billing", provider="nobody", policy=ConnectionPolicy())
    with pytest.raises(ConfigurationError, match=r"connections\.billing\.provider"):
        billing.build()


ADDRESSED = """
[connections.billing]
provider = "stripe"
secret_key = "env:HP_KEY"
[connections.texts]
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
secret = "env:HP_KEY"
[connections.mail]
provider = "sendgrid"
api_key = "env:HP_MAIL"
[connections.files]
provider = "aws"
bucket = "bucket"
region = "eu-central-1"
access_key_id = "AKIA1"
secret_access_key = "env:HP_KEY"
[connections.disk]
provider = "filesystem"
path = "."
secret = "env:HP_MAIL"
"""


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("billing", "base_url"),
        ("texts", "base_url"),
        ("texts", "status_url"),
        ("mail", "base_url"),
        ("files", "endpoint_url"),
        ("disk", "public_url"),
    ],
)
@pytest.mark.parametrize("value", ["env:VENDOR_URL", "http://vendor.example"])
def test_an_address_that_is_none_is_refused_before_the_first_call(
    tmp_path, monkeypatch, name, key, value
):
    monkeypatch.setenv("HP_KEY", "sk_test_1")
    monkeypatch.setenv("HP_MAIL", "SG.0123456789abcdef")
    path = tmp_path / "hardpoint.toml"
    head = f"[connections.{name}]\n"
    good = ADDRESSED + 'public_url = "http://localhost/files"\n'
    path.write_text(good)
    Hub.load(path)
    odd = good if key == "public_url" else good.replace(head, f'{head}{key} = "{value}"\n')
    path.write_text(odd.replace("http://localhost/files", value) if key == "public_url" else odd)
    with pytest.raises(ConfigurationError) as caught:
        Hub.load(path)
    assert caught.value.key == f"connections.{name}.{key}"


CHAINED = '[connections.files]\nprovider = "aws"\nbucket = "shop-files"\nregion = "eu-central-1"\n'


def test_a_word_may_stand_in_place_of_a_secret(load):
    files = load(f'{CHAINED}credentials = "chain"\n').connections["files"]
    assert files.build().credentials == "chain"
    assert not list(files.secrets())
    written = load(f'{CHAINED}credentials = "env:HP_KEY"\n').connections["files"]
    assert written.options["credentials"].reveal() == "sk_test_1"
    with pytest.raises(ConfigurationError, match="is not a reference"):
        load(f'{CHAINED}credentials = "another"\n')
