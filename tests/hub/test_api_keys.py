"""Who may call us, as a configuration has it."""

import base64

import pytest

from hardpoint import Settings
from hardpoint.core.errors import ConfigurationError
from hardpoint.runtime.work import BlockingWork
from hardpoint.store.postgres.vault import VaultDatabase

SECRET = base64.b64encode(b"s" * 32).decode()
WHOLE = """
public_url = "https://shop.example"
[api_keys]
brand = "acme"
rate = 2.5
burst = 5
[api_keys.jwt.login]
issuer = "https://login.example"
audience = "https://api.shop.example"
jwks_url = "https://login.example/keys"
algorithms = ["ES256"]
tenant_claim = "org"
[api_keys.signed.partner]
secrets = ["env:PARTNER"]
scopes = ["orders:read"]
tenant = "acme"
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTNER", SECRET)

    def load(text):
        (tmp_path / "hardpoint.toml").write_text(text)
        return Settings.load(tmp_path / "hardpoint.toml")

    return load


def test_a_whole_configuration_gives_keys_tokens_and_signatures(load, tmp_path):
    settings = load(WHOLE)
    assert [key for key, _ in settings.secrets()] == ["api_keys.signed.partner.secrets[0]"]
    found = settings.api_keys
    assert (found.brand, found.rate, found.burst) == ("acme", 2.5, 5)
    assert found.path == tmp_path / "vault.db"
    assert found.keys(work=BlockingWork()).reads_body([("Signature-Input", "")])


def test_without_a_word_there_are_keys_all_the_same(load):
    found = load("").api_keys
    assert (found.brand, found.rate) == ("hpk", None)
    assert not found.keys(work=BlockingWork()).reads_body([("Signature-Input", "")])


def test_they_are_where_the_vault_is(load, tmp_path):
    with_file = load('[vault]\npath = "v.db"\nkeyring = "env:PARTNER"\n')
    assert with_file.api_keys.path == tmp_path / "v.db"
    in_database = load('[store]\nurl = "postgresql:///shop"\n').api_keys
    assert isinstance(in_database._tables(None), VaultDatabase)
    aside = '[store]\nurl = "postgresql:///shop"\n[vault]\npath = "v.db"\nkeyring = "env:PARTNER"\n'
    assert load(aside).api_keys.store is None


def test_our_address_may_change_where_nobody_signs_it(load):
    load(WHOLE).check_change(load(WHOLE))
    load("").check_change(load('public_url = "https://shop.example"'))
    with pytest.raises(ConfigurationError, match="api_keys: cannot change while running"):
        load(WHOLE).check_change(load(WHOLE.replace("https://shop.example", "https://a.example")))


def test_they_cannot_change_while_a_hub_runs(load):
    before = load("")
    with pytest.raises(ConfigurationError, match="api_keys: cannot change while running"):
        before.check_change(load('[api_keys]\nbrand = "acme"\n'))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('brand = "acme"', 'brand = "A"', "api_keys.brand"),
        ("rate = 2.5", "rate = 0", "api_keys.rate"),
        ("rate = 2.5\n", "", "api_keys.burst"),
        ('brand = "acme"', 'colour = "red"', "api_keys.colour"),
        ('public_url = "https://shop.example"', "", "public_url"),
        ('["env:PARTNER"]', "[]", "api_keys.signed.partner.secrets"),
        ('["env:PARTNER"]', "[7]", "api_keys.signed.partner.secrets"),
        ('["env:PARTNER"]', '["plain"]', r"api_keys.signed.partner.secrets\[0\]"),
        ('["env:PARTNER"]', '["env:MISSING_ONE"]', r"api_keys.signed.partner.secrets\[0\]"),
        ('["orders:read"]', "[7]", "api_keys.signed.partner.scopes"),
        ('audience = "https://api.shop.example"', "", "api_keys.jwt.login.audience"),
    ],
)
def test_what_is_wrong_is_named(load, old, new, key):
    assert old in WHOLE
    with pytest.raises(ConfigurationError, match=f"^{key}"):
        load(WHOLE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('["ES256"]', '["HS256"]', "api_keys.jwt.login.algorithms"),
        ('["orders:read"]', '["a b"]', "api_keys.signed.partner.scopes"),
        ("[api_keys.signed.partner]", '[api_keys.signed."a b"]', "api_keys.signed.a b.name"),
    ],
)
def test_what_cannot_work_is_named_when_keys_are_first_used(load, old, new, key):
    settings = load(WHOLE.replace(old, new))
    with pytest.raises(ConfigurationError, match=f"^{key}"):
        settings.api_keys.keys(work=BlockingWork())
