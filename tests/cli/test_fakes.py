import io
import json
import os
import queue
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from hardpoint import Hub
from hardpoint.cli.main import main
from hardpoint.cli.terminal import Terminal
from hardpoint.core.money import Money
from hardpoint.core.providers import Provider
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.vendors import fake_names, fake_server_names
from hardpoint.hub.settings import Settings
from hardpoint.providers.stripe import API_VERSION
from hardpoint.sync import hub as sync
from hardpoint.webhooks import WebhookRequest, scheme

Cli = Callable[..., Any]
BOOK = {"amount": "1000", "currency": "eur"}


class Stage:
    """Runs `hardpoint fakes` in this thread, and a visitor in another as soon as all are ready."""

    def __init__(self, visit: Callable[..., object], stop: int = signal.SIGTERM) -> None:
        self.lines: list[str] = []
        self.coming: queue.SimpleQueue[str] = queue.SimpleQueue()
        """The lines after the first, as they come."""
        self._visit = visit
        self._stop = stop
        self._failed: list[BaseException] = []
        self._reading, self._writing = os.pipe()

    def run(self, *arguments: str) -> int:
        reader = threading.Thread(target=self._read)
        reader.start()
        with os.fdopen(self._writing, "w") as out:
            terminal = Terminal(stdin=io.StringIO(), stdout=out, stderr=io.StringIO())
            code = main(["fakes", *arguments], terminal)
        reader.join()
        if self._failed:
            raise self._failed[0]
        return code

    @property
    def objects(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]

    def _read(self) -> None:
        with os.fdopen(self._reading) as lines:
            self.lines.append(next(lines))
            threading.Thread(target=self._visited).start()
            for line in lines:
                self.lines.append(line)
                self.coming.put(line)

    def _visited(self) -> None:
        first = self.lines[0]
        try:
            ready = json.loads(first)["data"]["fakes"] if first[0] == "{" else [first]
            self._visit(*ready)
        except BaseException as error:
            self._failed.append(error)
        finally:
            os.kill(os.getpid(), self._stop)


def create(ready: dict[str, Any], key: str = "a") -> httpx2.Response:
    return httpx2.post(
        f"{ready['url']}/v1/payment_intents",
        data=BOOK,
        headers={
            "authorization": f"Bearer {ready['settings']['secret_key']}",
            "stripe-version": API_VERSION,
            "idempotency-key": key,
        },
        trust_env=False,
    )


def test_a_vendor_is_served_until_a_signal_comes() -> None:
    answers: list[httpx2.Response] = []
    stage = Stage(lambda ready: answers.append(create(ready)))
    before = signal.getsignal(signal.SIGTERM)
    assert stage.run("stripe", "--port", "0", "--json") == 0
    assert signal.getsignal(signal.SIGTERM) is before
    assert answers[0].status_code == 200
    ready, request = stage.objects
    assert ready["ok"] is True
    assert request == {
        "provider": "stripe",
        "kind": "request",
        "method": "POST",
        "path": "/v1/payment_intents",
        "status": 200,
        "fault": None,
    }
    assert not [one for one in threading.enumerate() if one.name == "fake-stripe"]


def test_signed_webhooks_go_where_one_says(receiver: SimpleNamespace) -> None:
    told: list[dict[str, Any]] = []

    def visit(ready: dict[str, Any]) -> None:
        told.append(ready)
        create(ready)

    stage = Stage(visit, signal.SIGINT)
    webhooks = ("--webhooks", f"stripe={receiver.url}", "--chaos", "stripe:duplicates=1")
    assert stage.run("stripe", "--port", "0", *webhooks, "--json") == 0
    first, second = receiver.requests
    assert first.body == second.body
    received = WebhookRequest(headers=list(first.headers.items()), body=first.body)
    verifier = scheme("stripe", secrets=[told[0]["webhook_secret"]])
    assert verifier.verify(received, now=json.loads(first.body)["created"]).events


def test_webhooks_are_told_of_as_they_go(receiver: SimpleNamespace) -> None:
    def visit(ready: dict[str, Any]) -> None:
        create(ready)
        while json.loads(stage.coming.get(timeout=10))["kind"] != "webhook":
            pass

    stage = Stage(visit)
    assert stage.run("stripe", "--port=0", "--webhooks", f"stripe={receiver.url}", "--json") == 0
    assert stage.objects[-1] == {
        "provider": "stripe",
        "kind": "webhook",
        "event_id": "evt_fake000001",
        "event_type": "payment_intent.created",
        "status": 200,
    }


def test_faults_are_planned_for_one_or_for_all() -> None:
    statuses: list[int] = []

    def visit(stripe: dict[str, Any], twilio: dict[str, Any]) -> None:
        statuses.extend(create(stripe, key).status_code for key in "ab")
        statuses.extend(httpx2.get(twilio["url"], trust_env=False).status_code for _ in "ab")

    stage = Stage(visit)
    faults = ("--fault", "stripe:status=503", "--fault", "latency=0,times=9", "--seed", "3")
    assert stage.run("stripe", "twilio", "stripe", "--port", "0", *faults, "--json") == 0
    assert statuses == [503, 200, 401, 401]
    assert [one["fault"] for one in stage.objects[1:]] == ["status", *["latency"] * 3]


def shown(cli: Cli, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    """One run that is stopped as soon as it is ready."""
    say = Terminal.say

    def stopping(self: Terminal, text: str) -> None:
        say(self, text)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Terminal, "say", stopping)
    return cli("fakes", "--port", "0", *arguments)


def test_people_are_told_what_a_caller_has_to_know(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:8000/webhooks/my-texts"
    run = shown(cli, monkeypatch, "stripe", "twilio", "--webhooks", f"twilio={url}")
    assert run.code == 0
    lines = run.out.splitlines()
    assert lines[0].startswith("stripe  http://127.0.0.1:")
    assert lines[1:10] == [
        "    [connections.stripe]",
        '    provider = "stripe"',
        f'    base_url = "{lines[0].split()[1]}"',
        '    secret_key = "env:STRIPE_SECRET_KEY"',
        "    [webhooks.stripe]",
        '    provider = "stripe"',
        '    secrets = ["env:STRIPE_WEBHOOK_SECRET"]',
        "    export STRIPE_SECRET_KEY=sk_test_fake STRIPE_WEBHOOK_SECRET=whsec_fake",
        "",
    ]
    assert '    secrets = ["env:MY_TEXTS_WEBHOOK_SECRET"]' in lines
    assert f'    url = "{url}"' in lines
    assert "Ctrl-C stops them." in run.err


def test_a_request_is_a_line() -> None:
    stage = Stage(lambda line: httpx2.get(f"{line.split()[1]}/v1/refunds", trust_env=False))
    assert stage.run("stripe", "--port", "0") == 0
    assert stage.lines[-1] == "stripe  GET /v1/refunds -> 401\n"


def settings_as_told(
    told: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    for name, value in told["environment"].items():
        monkeypatch.setenv(name, value)
    path = folder / "hardpoint.toml"
    path.write_text(f'{told["hardpoint_toml"]}\n[store]\nurl = "sqlite:x.db"\n')
    return Settings.load(path)


@pytest.mark.parametrize("name", [*fake_names(), *fake_server_names()])
def test_what_is_told_configures_a_hub(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready: list[Any] = []
    assert Stage(ready.append).run(name, "--port", "0", "--json") == 0
    settings = settings_as_told(ready[0], folder, monkeypatch)
    assert settings.connections[name.replace(".", "_")].provider == name
    assert (name in settings.webhooks) is (ready[0]["webhook_secret"] is not None)
    Hub(settings)
    sync.Hub(settings)


def test_a_hub_that_is_configured_so_reaches_the_fake(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid: list[str] = []

    def visit(told: dict[str, Any]) -> None:
        with sync.Hub(settings_as_told(told, folder, monkeypatch)) as hub:
            payment = hub.payments("stripe").create_payment(
                Money("42.00", "EUR"), payment_method="pm_card_visa"
            )
            paid.append(payment.id)

    assert Stage(visit).run("stripe", "--port", "0", "--json") == 0
    assert paid == ["stripe:pi_fake000001"]


def test_what_does_not_speak_http_serves_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def visit(told: dict[str, Any]) -> None:
        assert told["control"] is None
        assert {"field": "to", "value": "full@fake.example", "answer": "452 4.2.2"} in told[
            "triggers"
        ]
        with sync.Hub(settings_as_told(told, folder, monkeypatch)) as hub:
            hub.email("smtp").send(to="ann@customer.example", subject="s", text="t")

    stage = Stage(visit)
    assert stage.run("smtp", "--port", "0", "--json", "--fault", "status=503") == 0
    told = [(one["method"], one["path"], one["status"]) for one in stage.objects[1:]]
    assert ("RCPT", "TO:<ann@customer.example>", 250) in told
    assert ("DATA", "", 250) in told
    assert [path for method, path, _ in told if method == "AUTH"] == [""], "it holds a password"
    assert not any(one["fault"] for one in stage.objects[1:])


def test_a_port_of_what_serves_itself_that_is_taken(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = cli("fakes", "smtp", "--port", f"smtp={taken.getsockname()[1]}")
    assert run.code == 3
    assert "or choose: --port smtp=0" in run.err


class Mute:
    """A vendor without webhooks, that says nothing of itself."""

    name = "mute"

    def __init__(self) -> None:
        self.ledger = Ledger()


def test_a_vendor_without_webhooks_is_sent_nowhere(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardpoint.cli.fakes.fake", lambda _, **_options: Mute())
    monkeypatch.setattr(
        "hardpoint.cli.snippets.provider", lambda name: Provider(name=name, title="Mute")
    )
    run = cli("fakes", "mute", "--webhooks", "mute=http://127.0.0.1:8000/")
    assert run.code == 2
    assert "mute sends no webhooks" in run.err
    told = shown(cli, monkeypatch, "mute")
    assert told.code == 0
    assert told.out.startswith("mute  http://127.0.0.1:")
    assert told.out.count("\n") == 2


def test_the_first_port_is_followed_by_the_others(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = cli("fakes", "stripe", "twilio", "--port", str(port - 1), "--port", "stripe=0")
        assert run.code == 3
    assert f"--port: 127.0.0.1:{port} cannot be opened (Address already in use)" in run.err
    assert "or choose: --port twilio=0" in run.err


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["acme"], "'acme' has no fake", "With one: "),
        (["github"], "'github' has no fake", "With one: "),
        (["stripe", "--port", "x"], "--port: 'x' is no number", "hardpoint fakes --help"),
        (["stripe", "--port", "70000"], "--port: '70000' is no port", "up to 65535"),
        (["stripe", "--port", "twilio=1"], "--port: twilio is not served here", "served: stripe"),
        (["stripe", "--fault", "statu=1"], "--fault: 'statu' is no fault", "Known: latency"),
        (["stripe", "--fault", "acme:hang"], "--fault: acme is not served here", "stripe"),
        (["smtp", "--fault", "smtp:hang"], "smtp takes no faults here", "in Python"),
        (["smtp", "--no-optional-fields"], "'smtp' has no fake", "With one: "),
        (["smtp", "--webhooks", "smtp=http://127.0.0.1/"], "smtp sends no webhooks", "leave"),
        (["aws.sqs", "--fault", "aws.sqs:statu=1"], "--fault: 'statu' is no fault", "latency"),
        (["stripe", "--chaos", "twice"], "--chaos: 'twice' is not known here", "Known: dup"),
        (["stripe", "--webhooks", "stripe=http://["], "--webhooks is not a URL", "--help"),
        (["stripe", "--webhooks", "http://127.0.0.1/"], "--webhooks needs a name", "stripe=URL"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_listens(
    cli: Cli, arguments: list[str], said: str, hint: str
) -> None:
    run = cli("fakes", *arguments)
    assert run.code == 2
    assert said in run.err
    assert hint in run.err


def test_webhooks_stay_on_this_machine(cli: Cli) -> None:
    run = cli("fakes", "stripe", "--webhooks", "stripe=https://shop.example/hooks")
    assert run.code == 5
    assert "shop.example is not this machine" in run.err


def test_a_vendor_may_leave_out_what_it_need_not_say() -> None:
    shown: list[Any] = []

    def visit(ready: dict[str, Any]) -> None:
        shown.append(create(ready).json())

    for option in ([], ["--no-optional-fields"]):
        stage = Stage(visit)
        assert stage.run("stripe", "--port", "0", "--json", *option) == 0
    assert "description" in shown[0]
    assert "description" not in shown[1]


def test_a_vendor_that_always_says_the_same_is_refused_the_option(capsys: Any) -> None:
    assert main(["fakes", "aws", "--no-optional-fields"]) == 2
    assert "always says the same" in capsys.readouterr().err
