import re
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.settings import Settings
from hardpoint.store.opening import engine

DAY = 86_400
COMPLETE = """
[store]
url = "sqlite:data/events.db"
[store.retention]
done_days = 10
dead_days = 20
keys_days = 60

[worker]
concurrency = 8
threads = 2

[webhooks.billing]
provider = "stripe"
secrets = ["env:HP_NEW", "file:secrets/old"]
tolerance = 600
body_bytes_max = 2048

[webhooks.billing.forward]
url = "http://127.0.0.1:9000/stripe"
secret = "env:HP_FORWARD"

[webhooks.code]
provider = "github"
secrets = ["file:secrets/old"]
"""
SMALL = """
[store]
url = "sqlite:events.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:HP_NEW"]
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("HP_NEW", "whsec_new")
    monkeypatch.setenv("HP_FORWARD", "whsec_forward")
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "old"
    secret.write_text("whsec_old\n")
    secret.chmod(0o600)

    def write_one(text):
        path = tmp_path / "hardpoint.toml"
        path.write_text(text)
        return path

    return write_one


def refusal(path, **options):
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(path, **options)
    return caught.value


def test_a_complete_file_is_read_as_written_with_paths_from_its_folder(write, tmp_path):
    settings = Settings.load(write(COMPLETE))

    assert settings.path == tmp_path / "hardpoint.toml"
    assert settings.store.path == tmp_path / "data" / "events.db"
    retention = settings.store.retention
    assert (retention.done, retention.dead, retention.keys) == (10 * DAY, 20 * DAY, 60 * DAY)
    assert (settings.worker.concurrency, settings.worker.threads) == (8, 2)
    billing = settings.webhooks["billing"]
    assert (billing.provider, billing.tolerance, billing.body_bytes_max) == ("stripe", 600, 2048)
    assert [secret.reveal() for secret in billing.secrets] == ["whsec_new", "whsec_old"]
    assert billing.forward.url == "http://127.0.0.1:9000/stripe"
    assert billing.forward.secret.reveal() == "whsec_forward"
    assert settings.webhooks["code"].forward is None


def test_a_small_file_has_sensible_defaults(write):
    settings = Settings.load(str(write(SMALL)))

    retention = settings.store.retention
    assert (retention.done, retention.dead, retention.keys) == (30 * DAY, 90 * DAY, 400 * DAY)
    assert settings.worker.concurrency == 128
    assert settings.webhooks["billing"].tolerance is None


def test_what_is_not_written_of_retention_follows_from_what_is(write):
    settings = Settings.load(write(SMALL + "[store.retention]\ndone_days = 500\n"))

    retention = settings.store.retention
    assert (retention.done, retention.dead, retention.keys) == (500 * DAY, 500 * DAY, 500 * DAY)


def test_a_relative_path_survives_a_change_of_folder(write, tmp_path, monkeypatch):
    write(SMALL)
    monkeypatch.chdir(tmp_path)

    settings = Settings.load("hardpoint.toml")

    assert settings.path == tmp_path / "hardpoint.toml"
    assert settings.store.path.is_absolute()


def test_the_files_to_watch_are_the_configuration_and_every_secret_file_once(write, tmp_path):
    settings = Settings.load(write(COMPLETE))

    assert settings.files() == (tmp_path / "hardpoint.toml", tmp_path / "secrets" / "old")
    built = Settings(store=settings.store, webhooks=settings.webhooks)
    assert built.files() == (tmp_path / "secrets" / "old",)


def test_to_look_into_the_store_one_needs_no_secret(write, monkeypatch):
    monkeypatch.delenv("HP_NEW")

    assert Settings.load(write(SMALL), secrets=False).webhooks["billing"].provider == "stripe"
    assert refusal(write(SMALL)).key == "webhooks.billing.secrets[0]"


def changed(pattern, replacement, text=COMPLETE):
    result, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    assert count == 1
    return result


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        (changed("^tolerance", "tolerence"), "webhooks.billing.tolerence", "Did you mean toler"),
        (changed("^provider = .stripe.", "zzz = 1"), "webhooks.billing.zzz", "Known: body_bytes"),
        (changed(r"^\[worker\]", "[wurker]"), "wurker", "Did you mean worker?"),
        (changed("^threads", "thread"), "worker.thread", "not a known setting"),
        (changed("^done_days", "days"), "store.retention.days", "not a known setting"),
        (changed("^secret =", "secrets ="), "webhooks.billing.forward.secrets", "mean secret?"),
        (changed(r"^\[webhooks.billing\]", "[webhooks.Billing]"), None, "not a usable name"),
        (changed("^url = .sqlite.*", ""), "store.url", "is missing"),
        (changed("^provider = .stripe.", ""), "webhooks.billing.provider", "is missing"),
        (changed("^provider = .stripe.", "provider = 1"), "webhooks.billing.provider", "in quotes"),
        (changed(r'^secrets = \["env.*', ""), "webhooks.billing.secrets", "is missing"),
        (changed(r'^secrets = \["env.*', "secrets = []"), "webhooks.billing.secrets", "is empty"),
        (changed(r'^secrets = \["env.*', "secrets = 'env:A'"), None, "list in brackets"),
        (changed(r'^secrets = \["env.*', "secrets = [1]"), "webhooks.billing.secrets[0]", "text"),
        (changed("env:HP_NEW", ""), "webhooks.billing.secrets[0]", "is empty"),
        (changed("env:HP_NEW", "whsec_literal"), "webhooks.billing.secrets[0]", "not a reference"),
        (changed("env:HP_NEW", "env:HP_MISSING"), "webhooks.billing.secrets[0]", "HP_MISSING"),
        (changed("^secret = .*", "secret = 'whsec_literal'"), None, "not a reference"),
        (changed("^secret = .*", "secret = 'env:HP_MISSING'"), None, "HP_MISSING"),
        (changed("^url = .http.*", "url = 'http://shop.example/'"), None, "is not https"),
        (changed("^url = .http.*", ""), "webhooks.billing.forward.url", "is missing"),
        (changed("^done_days = 10", "done_days = 0"), None, "above zero"),
        (changed("^done_days = 10", "done_days = true"), None, "above zero"),
        (changed("^done_days = 10", "done_days = 1.5"), None, "above zero"),
        (changed("^done_days = 10", "done_days = 99999"), "store.retention.done_days", "too large"),
        (changed("^dead_days = 20", "dead_days = 9"), "store.retention.dead_days", "10 or more"),
        (changed("^keys_days = 60", "keys_days = 29"), "store.retention.keys_days", "30 or more"),
        (changed("^dead_days = 20", "dead_days = 61"), "store.retention.keys_days", "61 or more"),
        (changed("^threads = 2", "threads = 100000"), "worker.threads", "too large"),
        (changed("^body_bytes_max = 2048", "body_bytes_max = 999999999"), None, "too large"),
        ("webhooks = 3\n" + changed(r"\[webhooks(.|\n)*", ""), "webhooks", "not a table"),
        ("[store]\nurl = 'sqlite:a.db'\n[webhooks]\nbilling = 3\n", "webhooks.billing", "table"),
        ("[store\n", None, "is not TOML"),
        ("[webhooks.a]\nprovider = 'stripe'\n", "store.url", "is missing"),
    ],
)
def test_a_mistake_is_refused_by_the_path_of_its_key(write, text, key, problem):
    error = refusal(write(text))

    assert problem in str(error)
    assert key is None or error.key == key
    assert "whsec_" not in str(error).replace("whsec_...", "")


@pytest.mark.parametrize(
    "url",
    [
        "redis://x",
        "postgresql+asyncpg://db/shop",
        "sqlite",
        "sqlite:",
        "sqlite://a.db",
        "sqlite:///",
        "sqlite::memory:",
        "sqlite:a.db?mode=ro",
        "sqlite:a\\u0000.db",
    ],
)
def test_a_store_we_do_not_know_is_refused(write, url):
    error = refusal(write(f'[store]\nurl = "{url}"\n'))

    assert error.key == "store.url"
    assert error.fix.startswith("Write sqlite:hardpoint.db, sqlite:////srv/shop.db or postgresql")


DATABASE = "postgresql://shop@db.example:5433/shop?sslmode=verify-full"


def stored(write, text, **options):
    return Settings.load(write(f"[store]\n{text}\n"), **options)


def test_a_database_is_named_by_its_url_and_its_password_by_reference(write, monkeypatch):
    monkeypatch.setenv("HP_PASSWORD", "p/7 @ä")

    settings = stored(write, f'url = "{DATABASE}"\npassword = "env:HP_PASSWORD"')

    assert settings.store.url == f"{DATABASE}&password=p%2F7%20%40%C3%A4"
    assert settings.store.file is None
    assert settings.store.shown == "postgresql://db.example:5433/shop"
    assert "p/7" not in repr(settings)
    assert "store.password" in dict(settings.secrets())
    assert stored(write, 'url = "postgres:///shop"').store.url == "postgres:///shop"


def test_a_password_begins_the_options_of_a_url_that_has_none(write, monkeypatch):
    monkeypatch.setenv("HP_PASSWORD", "p7")

    settings = stored(write, 'url = "postgresql://db/shop"\npassword = "env:HP_PASSWORD"')

    assert settings.store.url == "postgresql://db/shop?password=p7"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:pass-7@db/shop",
        "postgresql://:pass-7@db/shop",
        "postgresql://shop@db/shop?password=pass-7",
        "postgresql://shop@db/shop?sslmode=verify-full&sslpassword=pass-7",
    ],
)
def test_a_password_in_plain_sight_is_refused(write, url):
    error = refusal(write(f'[store]\nurl = "{url}"\n'))

    assert (error.key, error.problem) == ("store.url", "holds a password")
    assert 'password = "env:NAME"' in error.fix
    assert "pass-7" not in str(error)


@pytest.mark.parametrize("url", ["postgresql://db:5432/shop", "postgresql://a:1,b:2/shop"])
def test_a_port_is_no_password(write, url):
    assert stored(write, f'url = "{url}"').store.url == url


def test_the_whole_url_may_stand_in_the_environment_or_a_file(write, monkeypatch, tmp_path):
    whole = "postgresql://shop:pass-7@db/shop"
    monkeypatch.setenv("HP_DATABASE", whole)
    (tmp_path / "url").write_text(f"{whole}\n")
    (tmp_path / "url").chmod(0o600)

    for reference in ("env:HP_DATABASE", "file:url"):
        settings = stored(write, f'url = "{reference}"')
        assert settings.store.url == whole
        assert settings.store.shown == "postgresql://db/shop"
        assert "pass-7" not in repr(settings)
        settings.check_change(stored(write, f'url = "{reference}"'))

    monkeypatch.setenv("HP_DATABASE", "sqlite:events.db")
    assert stored(write, 'url = "env:HP_DATABASE"').store.file == tmp_path / "events.db"


def test_a_reference_that_leads_nowhere_is_said_by_whoever_needs_the_store(write, monkeypatch):
    error = refusal(write('[store]\nurl = "env:HP_NOWHERE"\n'))
    assert (error.key, error.fix) == ("store.url", "export HP_NOWHERE=... and start again")

    settings = stored(write, 'url = "env:HP_NOWHERE"', secrets=False)
    with pytest.raises(ConfigurationError, match="HP_NOWHERE the environment variable is not set"):
        assert settings.store.url
    monkeypatch.setenv("HP_NOWHERE", "sqlite:too-late.db")
    with pytest.raises(ConfigurationError, match="is not a store we know"):
        assert settings.store.url


@pytest.mark.parametrize("key", ["password", "write_role"])
def test_a_file_has_no_password_and_no_roles(write, key):
    error = refusal(write(f'[store]\nurl = "sqlite:a.db"\n{key} = "env:HP_NEW"\n'))

    assert (error.key, error.fix) == (f"store.{key}", "Leave it out")


def test_the_role_that_writes_run_as_is_the_store_s(write):
    settings = stored(write, f'url = "{DATABASE}"\nwrite_role = "shop_writer"')
    assert settings.store.write_role == "shop_writer"
    assert engine(settings.store.url, write_role="shop_writer").write_role == "shop_writer"


VAULT = """
[vault]
keyring = "env:HP_NEW"
"""


def test_the_vault_is_where_the_store_is_unless_its_own_file_is_named(write, tmp_path):
    beside = stored(write, f'url = "{DATABASE}"\n{VAULT}')
    assert beside.identity.vault.store is beside.store
    assert beside.identity.vault.database().path == tmp_path / "vault.db"

    for text in (f'url = "{DATABASE}"\n{VAULT}path = "v.db"', f'url = "sqlite:a.db"\n{VAULT}'):
        assert stored(write, text).identity.vault.database() is None


@pytest.mark.parametrize("url", ["sqlite:/srv/shop/events.db", "sqlite:////srv/shop/events.db"])
def test_an_absolute_path_to_the_store_is_taken_as_it_is(write, url):
    settings = Settings.load(write(f'[store]\nurl = "{url}"\n'))

    assert settings.store.path == Path("/srv/shop/events.db")


@pytest.mark.parametrize("name", ["a b.db", "a%20b.db", "caf\u00e9#1.db", "it's.db", "a:b.db"])
@pytest.mark.parametrize("prefix", ["sqlite:", "sqlite:///"])
def test_a_store_may_be_called_what_the_system_allows(write, prefix, name):
    path = write(f'[store]\nurl = "{prefix}{name}"\n')

    assert Settings.load(path).store.path == path.parent / name


def test_a_missing_file_says_how_to_write_one(tmp_path):
    error = refusal(tmp_path / "hardpoint.toml")

    assert "hardpoint init" in error.fix


def test_a_folder_or_a_file_of_bytes_is_no_configuration(tmp_path):
    assert "cannot be read" in str(refusal(tmp_path))
    path = tmp_path / "hardpoint.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not TOML" in str(refusal(path))
