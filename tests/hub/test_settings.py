import re
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.settings import Settings

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
    assert error.fix == "Write sqlite:hardpoint.db, or sqlite:////srv/shop.db"


@pytest.mark.parametrize(
    "url", ["postgres://x", "postgresql://shop:pass-7@db/shop", "postgresql+asyncpg://db/shop"]
)
def test_postgresql_is_refused_while_it_is_being_built(write, url):
    error = refusal(write(f'[store]\nurl = "{url}"\n'))

    assert error.key == "store.url"
    assert "is being built, and cannot be used yet" in str(error)
    assert error.fix == "Write sqlite:hardpoint.db: the workers of one machine share that file"
    assert "pass-7" not in str(error)


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
