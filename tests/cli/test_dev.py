"""`hardpoint dev`: an application with fakes of its vendors, started anew when it changes."""

import json
import os
import signal
import sys
import time
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.conftest import Stage

from hardpoint import Money
from hardpoint.cli.stand_ins import StandIns, substitute, toml
from hardpoint.cli.watching import SourceFiles
from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.settings import SUBSTITUTES, Settings
from hardpoint.sync import Hub as BlockingHub

CONFIGURATION = """
public_url = "https://shop.example"
[store]
url = "env:DATABASE"
[store.retention]
done_days = 3
[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE_HOOK", "env:STRIPE_OLD_HOOK"]
forward = { url = "https://shop.example/hooks", secret = "env:ONWARD" }
[webhooks.texts]
provider = "twilio"
secrets = ["env:TWILIO_TOKEN"]
url = "https://shop.example/webhooks/texts"
forward = { url = "http://127.0.0.1:9/hooks", secret = "env:ONWARD" }
[webhooks.crm]
provider = "unsigned"
addresses = ["127.0.0.1"]
[webhooks.events]
provider = "standard"
secrets = ["env:EVENTS_HOOK"]
[connections.pay]
provider = "stripe"
secret_key = "env:STRIPE_KEY"
[connections.files]
provider = "filesystem"
path = "uploads"
[connections.mail]
provider = "smtp"
url = "env:MAIL"
from = "shop@shop.example"
[connections.shops]
provider = "rest"
base_url = "https://shops.example"
key = "env:SHOPS_KEY"
[vault]
path = "vault.db"
keyring = "env:KEYRING"
[oauth.github]
provider = "github"
client_id = "abc"
client_secret = "env:GITHUB_SECRET"
"""
PUBLIC = "http://127.0.0.1:8000"


@pytest.fixture
def stand_ins(tmp_path):
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    told = []
    made = StandIns(
        tmp_path / "hardpoint.toml",
        tmp_path / ".hardpoint/dev",
        PUBLIC,
        lambda *one: told.append(one),
    )
    made.told = told
    yield made
    made.close()


def test_nothing_of_the_original_is_needed_and_nothing_of_it_is_left(stand_ins, tmp_path):
    made = stand_ins.write()
    assert {one for _, one in made.secrets()}, "secrets of its own, all readable"
    assert all(one.reveal() for _, one in made.secrets())
    text = stand_ins.file.read_text()
    assert "env:" not in text
    assert "example" not in text.replace("shop@shop.example", "")
    assert made.store.file == tmp_path / ".hardpoint/dev/events.db"
    assert made.store.retention.done == 3 * 86_400
    assert made.public_url == PUBLIC
    assert made.connections["pay"].options["base_url"] == stand_ins.fakes["pay"].url
    assert made.connections["files"].options["path"].is_relative_to(tmp_path / ".hardpoint")
    assert made.connections["mail"].options["url"].reveal().endswith("127.0.0.1:1")
    assert made.webhooks["billing"].forward is None
    assert made.webhooks["texts"].forward.url == "http://127.0.0.1:9/hooks"
    assert made.webhook_url("texts") == f"{PUBLIC}/webhooks/texts"
    assert made.identity.vault.path == tmp_path / ".hardpoint/dev/vault.db"
    modes = {one.stat().st_mode & 0o777 for one in (stand_ins.file.parent / "secrets").iterdir()}
    assert modes == {0o600}
    assert (stand_ins.file.parent / ".gitignore").read_text() == "*\n"


def test_what_is_written_again_keeps_the_fakes_and_the_keyring(stand_ins, tmp_path):
    first = stand_ins.write()
    url, keyring = stand_ins.fakes["pay"].url, first.identity.vault.keyring.reveal()
    store = stand_ins.file.with_name("events.db")
    store.write_text("events")
    more = (
        '[connections.books]\nprovider = "square"\naccess_token = "env:NONE"\nlocation_id = "L1"\n'
    )
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION + more)
    again = stand_ins.write()
    assert [*stand_ins.fakes] == ["pay", "shops", "books"]
    assert stand_ins.fakes["pay"].url == url
    assert again.identity.vault.keyring.reveal() == keyring
    assert store.exists(), "a change keeps the events"
    fresh = StandIns(stand_ins.config, stand_ins.file.parent, PUBLIC, print)
    assert not store.exists(), "a new session begins with none"
    fresh.close()


def test_a_connection_that_changes_its_vendor_gets_another_fake(stand_ins, tmp_path):
    stand_ins.write()
    (tmp_path / "hardpoint.toml").write_text(
        CONFIGURATION.replace(
            '[connections.pay]\nprovider = "stripe"\nsecret_key',
            '[connections.pay]\nprovider = "square"\nlocation_id = "L1"\naccess_token',
        )
    )
    stand_ins.write()
    assert stand_ins.fakes["pay"].app.name == "square"


def test_a_service_of_a_vendor_is_imitated_where_its_own_address_says(stand_ins, tmp_path):
    queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
    (tmp_path / "hardpoint.toml").write_text(
        f"""{CONFIGURATION}
[connections.jobs]
provider = "aws.sqs"
queue_url = "{queue}"
dead_letter_url = "{queue}-dead"
access_key_id = "AKIAREAL"
secret_access_key = "env:AWS_KEY"
"""
    )
    written = stand_ins.write()
    server = stand_ins.fakes["jobs"]
    options = written.connections["jobs"].options
    assert options["queue_url"] == f"{server.url}/123456789012/jobs"
    assert "dead_letter_url" not in options
    with BlockingHub(written) as hub:
        hub.queue("jobs").send(b"order-7")
    assert server.ledger.count("message") == 1


def test_an_application_that_loads_its_configuration_gets_the_other(stand_ins, tmp_path):
    written = stand_ins.write()
    change = substitute(tmp_path / "hardpoint.toml", stand_ins.file)
    SUBSTITUTES.append(change)
    try:
        assert Settings.load(tmp_path / "hardpoint.toml").connections == written.connections
        assert change(Settings()) == Settings(), "what was made in code stays"
        (tmp_path / "other.toml").write_text('[store]\nurl = "sqlite:x.db"\n')
        with pytest.raises(ConfigurationError, match="--config"):
            Settings.load(tmp_path / "other.toml")
    finally:
        SUBSTITUTES.remove(change)


_TEXT = st.text(st.characters(exclude_categories=("Cs",)))
_VALUES = st.recursive(
    st.one_of(_TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=8,
)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(_TEXT, _VALUES))
def test_whatever_is_written_reads_the_same(document):
    assert tomllib.loads("".join(toml(document))) == document


def test_files_that_come_change_and_go_are_seen(tmp_path):
    (tmp_path / "shop.py").write_text("a = 1")
    (tmp_path / "shop.txt").write_text("a")
    venv = tmp_path / "env"
    venv.mkdir()
    (venv / "pyvenv.cfg").touch()
    for name in (".git", "node_modules", "pages"):
        (tmp_path / name).mkdir()
    config = tmp_path / "hardpoint.toml"
    files = SourceFiles(tmp_path, config)
    assert files.changed() is None
    for unseen in (venv / "x.py", tmp_path / ".git/x.py", tmp_path / "node_modules/x.py"):
        unseen.touch()
    (tmp_path / "shop.txt").write_text("b")
    assert files.changed() is None
    for path in (tmp_path / "shop.py", tmp_path / "pages/home.py", config):
        path.write_text("some = 2")
        assert files.changed() == path
        assert files.changed() is None
    config.unlink()
    assert files.changed() == config
    (tmp_path / "pages/home.py").unlink()
    assert files.changed() == tmp_path / "pages/home.py"


# The command

APPLICATION = """
from hardpoint import Hub, Money

hub = Hub.load("hardpoint.toml")

@hub.on("billing", "payment_intent.*", retry=[0.2] * 50)
async def paid(event, job):
    {body}
"""
SHOP = """
[store]
url = "env:NOWHERE"
[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE_HOOK"]
[webhooks.own]
provider = "standard"
secrets = ["env:OWN_HOOK"]
[connections.pay]
provider = "stripe"
secret_key = "env:STRIPE_KEY"
"""


@pytest.fixture
def shop(folder, free_port, monkeypatch):
    (folder / "hardpoint.toml").write_text(SHOP)
    (folder / "devshop.py").write_text(APPLICATION.format(body="job.write(lambda tx: None)"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    sys.modules.pop("devshop", None)


@pytest.fixture
def free_port():
    """Two ports in a row that are free now."""
    import socket

    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
        return port


def pay(config, key):
    """A script takes a payment: the fake sends a signed webhook."""
    with BlockingHub.load(config) as hub:
        gateway = hub.payments("pay")
        made = gateway.create_payment(Money("10.00", "EUR"), reference=key, idempotency_key=key)
        gateway.confirm_payment(
            made.id, payment_method="pm_card_visa", return_url="https://shop.example/back"
        )
    return made.id


def test_a_payment_at_a_fake_comes_back_as_a_webhook_and_is_handled(shop, free_port, cli):
    config = shop / ".hardpoint/dev/hardpoint.toml"
    seen = []

    def visit(_):
        stage.wait_for("devshop:hub runs at")
        pay(config, "one")
        seen.append(stage.wait_for("handler_finished"))
        stage.wait_for("-> 200")
        done = cli("events", "list", "--config", config, "--json")
        seen.append([one["type"] for one in done.data["events"]])

    stage = Stage(visit)
    code = stage.run("dev", "devshop:hub", "--port", str(free_port), "--no-reload")
    assert code == 0, stage.said.getvalue()
    assert stage.lines[0].startswith("pay (stripe) is a fake at http://127.0.0.1:")
    assert "paid  done  attempt 1" in seen[0]
    assert "payment_intent.succeeded" in seen[1]
    assert "fake pay  POST /v1/payment_intents" in stage.text
    said = stage.said.getvalue()
    assert "hardpoint trigger stripe payment_intent." in said
    assert "--config .hardpoint/dev/hardpoint.toml" in said
    assert f"POST http://127.0.0.1:{free_port}/webhooks/own" in said


def test_the_suggested_command_works(shop, free_port, cli):
    suggested = []

    def visit(_):
        ready = json.loads(stage.wait_for("application_ready"))
        suggested.extend(ready["try"])
        for one in ready["try"]:
            done = cli(*one.split()[1:], now=_system())
            assert done.code == 0, done.err
        stage.wait_for("handler_finished")

    stage = Stage(visit, stop=signal.SIGTERM)
    stage.run("dev", "devshop:hub", "--port", str(free_port), "--no-reload", "--json")
    assert len(suggested) == 3


def _system():
    from hardpoint.runtime.clocks import SystemClock

    return SystemClock()


def test_a_mistake_is_told_and_after_the_mend_the_events_are_still_there(shop, free_port, cli):
    """The journey of whoever writes an application: fails, is mended, is handled."""
    source = shop / "devshop.py"
    good = source.read_text()
    config = shop / ".hardpoint/dev/hardpoint.toml"

    def visit(_):
        stage.wait_for("devshop:hub runs at")
        first = pay(config, "one")
        assert "ValueError: no such order" in stage.wait_for("failed  attempt 1")
        source.write_text(good + "\n    this is no Python")
        _until(lambda: "it starts again after a change" in stage.said.getvalue())
        (shop / "hardpoint.toml").write_text(SHOP + "[nonsense]\n")
        _until(lambda: "nonsense" in stage.said.getvalue())
        (shop / "hardpoint.toml").write_text(SHOP)
        source.write_text(good)
        stage.wait_for("paid  done")
        assert pay(config, "two") != first, "the vendor remembers what it has sold"
        stage.wait_for("paid  done")
        source.unlink()
        _until(lambda: stage.said.getvalue().count("it starts again after a change") == 2)

    source.write_text(APPLICATION.format(body='raise ValueError("no such order")'))
    stage = Stage(visit)
    assert stage.run("dev", "devshop:hub", "--port", str(free_port)) == 0, stage.said.getvalue()
    assert "devshop.py has changed: once more" in stage.said.getvalue()


@pytest.mark.parametrize("impatient", [True, False])
def test_a_handler_that_does_not_end_is_not_waited_for(shop, free_port, monkeypatch, impatient):
    """By whoever presses Ctrl-C twice; and by nobody for ever."""
    (shop / "devshop.py").write_text(APPLICATION.format(body="await asyncio.sleep(600)"))
    config = shop / ".hardpoint/dev/hardpoint.toml"
    if not impatient:
        monkeypatch.setattr("hardpoint.cli.dev.STOP_SECONDS", 0.2)

    def visit(_):
        stage.wait_for("devshop:hub runs at")
        pay(config, "one")
        stage.wait_for("event_received")
        if impatient:
            os.kill(os.getpid(), signal.SIGINT)
            stage.wait_for("server_stopping")

    stage = Stage(visit)
    code = stage.run("dev", "devshop:hub", "--port", str(free_port))
    assert code == (130 if impatient else 0)


def _until(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_that_cannot_start_at_all_ends_with_its_reason(shop, free_port, cli):
    stage = Stage(lambda _: None, stop=0)
    assert stage.run("dev", "nosuch:hub", "--port", str(free_port)) == 2
    done = cli("dev", "devshop:hub", "--config", "nothing.toml", "--port", str(free_port))
    assert (done.code, "there is no such file" in done.err) == (3, True)


def test_the_application_stops_when_whoever_started_it_is_gone(shop, free_port):
    folder = shop / ".hardpoint/dev"
    stand_ins = StandIns(shop / "hardpoint.toml", folder, PUBLIC, lambda *_: None)
    stand_ins.write()
    reading, writing = os.pipe()
    before = os.dup(0)
    os.dup2(reading, 0)
    os.write(writing, b"\n")
    try:
        stage = Stage(lambda _: os.close(writing), stop=0)
        arguments = ("devshop:hub", "--port", str(free_port), "--inside", str(folder))
        assert stage.run("dev", *arguments) == 0
    finally:
        os.dup2(before, 0)
        for one in (before, reading):
            os.close(one)
        stand_ins.close()
