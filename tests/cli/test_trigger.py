import json
import shlex
import socketserver
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from hardpoint.store.guests.lines import address_of, listen
from hardpoint.store.guests.visitor import visit
from hardpoint.webhooks import WebhookRequest, scheme

Cli = Callable[..., Any]

NOW = 1_700_000_000.0
SECRET = "whsec_test_secret"
PAID = ("trigger", "stripe", "payment_intent.succeeded")
pytestmark = pytest.mark.usefixtures("config")


def verified(request: SimpleNamespace, provider: str = "stripe") -> Any:
    received = WebhookRequest(headers=list(request.headers.items()), body=request.body)
    return scheme(provider, secrets=[SECRET]).verify(received, now=NOW).events[0]


def test_a_sample_arrives_signed(cli: Cli, receiver: SimpleNamespace) -> None:
    run = cli(*PAID, "--to", receiver.url)
    assert run.code == 0
    [request] = receiver.requests
    event = verified(request)
    assert event.type == "payment_intent.succeeded"
    assert request.path == "/webhooks/billing"
    assert request.headers["Content-Type"] == "application/json"
    assert run.out == '200 in 0.0 ms  {"status":"stored"}\n'
    assert f"POST {receiver.url}\n" in run.err
    assert "  Stripe-Signature: t=1700000000,v1=" in run.err
    assert f"next:  hardpoint events show {event.id}\n" in run.err


def test_as_json(cli: Cli, receiver: SimpleNamespace) -> None:
    run = cli(*PAID, "--to", receiver.url, "--json")
    assert run.err == ""
    assert run.data == {
        "url": receiver.url,
        "provider": "stripe",
        "type": "payment_intent.succeeded",
        "id": verified(receiver.requests[0]).id,
        "deliveries": [{"status": 200, "body": '{"status":"stored"}', "milliseconds": 0.0}],
    }


def test_fields_are_set_and_left_out(cli: Cli, receiver: SimpleNamespace) -> None:
    run = cli(
        *PAID,
        *("--set", "data.object.amount=5", "--set", "data.object.metadata.order_id=A-1"),
        *("--unset", "data.object.customer", "--unset", "data.object.payment_method_types.0"),
        *("--to", receiver.url),
    )
    assert run.code == 0
    paid = json.loads(receiver.requests[0].body)["data"]["object"]
    assert (paid["amount"], paid["metadata"]) == (5, {"order_id": "A-1"})
    assert "customer" not in paid
    assert paid["payment_method_types"] == []
    assert verified(receiver.requests[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "data.object.amount"], "is not path=value"),
        (["--set", "data.object.payment_method_types.7=x"], "no place '7' there"),
        (["--unset", "data.nothing"], "--unset data.nothing: the sample has no such field"),
        (["--unset", "type.deeper.still"], "the sample has no such field"),
        (["--unset", "data.object.payment_method_types.x"], "the sample has no such field"),
        (["--raw", "hardpoint.toml", "--set", "a=1"], "--raw sends a body as it is"),
        (["--times", "0"], "Invalid value for '--times'"),
    ],
)
def test_what_cannot_be_changed_is_refused(cli: Cli, options: list[str], said: str) -> None:
    run = cli(*PAID, *options)
    assert run.code == 2
    assert said in run.err


def test_an_unknown_type_lists_the_known(cli: Cli) -> None:
    run = cli("trigger", "stripe", "payment_intent.succeded")
    assert run.code == 2
    assert "payment_intent.succeeded" in run.err


def test_repeats_are_the_same_event(cli: Cli, receiver: SimpleNamespace) -> None:
    run = cli(*PAID, "--to", receiver.url, "--times", "2")
    first, second = receiver.requests
    assert first.body == second.body
    assert run.out.count("200 in") == 2
    assert "2 deliveries of one event: all but the first are repeats\n" in run.out


def test_two_runs_are_two_events(cli: Cli, receiver: SimpleNamespace) -> None:
    cli(*PAID, "--to", receiver.url)
    cli(*PAID, "--to", receiver.url)
    first, second = map(verified, receiver.requests)
    assert first.id != second.id


def test_headers_carry_what_the_vendor_puts_there(cli: Cli, receiver: SimpleNamespace) -> None:
    assert cli("trigger", "github", "push", "--to", receiver.url).code == 0
    assert verified(receiver.requests[0], "github").type == "push"


def test_a_body_of_ones_own_is_sent_as_it_is(cli: Cli, receiver: SimpleNamespace) -> None:
    body = b'{"id": "evt_mine",\r\n "type": "custom"}'
    run = cli(*PAID[:2], "custom", "--raw", "-", "--to", receiver.url, stdin=body)
    assert run.code == 0
    assert receiver.requests[0].body == body
    assert "hardpoint events show evt_mine" in run.err


def test_a_body_without_an_id_is_sent_too(cli: Cli, receiver: SimpleNamespace) -> None:
    run = cli(*PAID, "--raw", "-", "--to", receiver.url, "--json", stdin=b"not json")
    assert run.code == 0
    assert run.data["id"] is None
    assert "next:" not in run.err


def test_what_the_receiver_cannot_verify_has_no_id(cli: Cli, receiver: SimpleNamespace) -> None:
    run = cli("trigger", "github", "x" * 300, "--raw", "-", "--to", receiver.url, stdin=b"{}")
    assert run.code == 0
    assert "next:" not in run.err


@pytest.mark.parametrize("event", ["two\nlines", "f\xfcnf", ""])
def test_a_type_that_no_header_can_hold_is_refused(cli: Cli, event: str) -> None:
    run = cli("trigger", "github", event, "--raw", "-", stdin=b"{}")
    assert run.code == 2
    assert "EVENT is not printable ASCII" in run.err


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "the same secret"), (404, "hardpoint serve --help"), (418, "hardpoint trigger --help")],
)
def test_a_refusal_exits_1_and_says_what_next(
    cli: Cli, receiver: SimpleNamespace, status: int, hint: str
) -> None:
    receiver.status = status
    run = cli(*PAID, "--to", receiver.url)
    assert run.code == 1
    assert run.out.startswith(f"{status} in ")
    assert hint in run.err
    failed = cli(*PAID, "--to", receiver.url, "--json")
    assert failed.error["code"] == "not_accepted"
    assert failed.data["deliveries"][0]["status"] == status


def test_a_redirect_is_not_followed(cli: Cli, receiver: SimpleNamespace) -> None:
    receiver.status, receiver.headers = 307, {"location": receiver.url}
    assert cli(*PAID, "--to", receiver.url).code == 1
    assert len(receiver.requests) == 1


def test_an_answer_is_cut_and_cleaned(cli: Cli, receiver: SimpleNamespace) -> None:
    receiver.body = b"\x1b]0;owned\x07\xff" + b"x" * 100_000
    run = cli(*PAID, "--to", receiver.url)
    assert "\x1b" not in run.out
    assert len(run.out) < 17_000


def test_no_answer_exits_4(cli: Cli, receiver: SimpleNamespace) -> None:
    receiver.status = None
    run = cli(*PAID, "--to", receiver.url)
    assert run.code == 4
    assert "did not answer" in run.err


def test_a_server_that_is_just_starting_is_waited_for(
    cli: Cli, late_receiver: SimpleNamespace
) -> None:
    run = cli(*PAID, "--to", late_receiver.url, sleep=lambda _: late_receiver.listen())
    assert run.code == 0
    assert len(late_receiver.requests) == 1


def test_patience_ends(cli: Cli) -> None:
    run = cli(*PAID, "--to", "http://127.0.0.1:1/nobody")
    assert run.code == 4
    assert "nobody listens at http://127.0.0.1:1/nobody" in run.err
    assert run.err.endswith("next:  hardpoint serve\n")


def test_where_no_server_is_found_an_address_can_be_given(cli: Cli, server: Any) -> None:
    found_at(server, "http://127.0.0.1:1")
    run = cli(*PAID)
    assert run.code == 4
    assert "if your application has the hub, give its address with --to" in run.err
    assert run.err.endswith("next:  hardpoint serve\n")


def test_the_source_of_the_provider_is_the_target(cli: Cli) -> None:
    run = cli(*PAID, "--print-curl", "--json")
    assert run.data["curl"].endswith(" http://127.0.0.1:8000/webhooks/billing")


def test_a_server_that_cannot_be_asked_is_looked_for_at_the_usual_address(
    cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardpoint.store.guests.shared.visit", partial(visit, seconds=0.05))
    with closing(listen(address_of(config.with_name("hardpoint.db").resolve()))):
        run = cli(*PAID, "--print-curl", "--json")
    assert run.data["curl"].endswith(" http://127.0.0.1:8000/webhooks/billing")
    text = config.read_text().replace("sqlite:hardpoint.db", "postgresql://shop@localhost/shop")
    config.write_text(text)
    run = cli(*PAID, "--print-curl", "--json")
    assert run.data["curl"].endswith(" http://127.0.0.1:8000/webhooks/billing")


def found_at(server: Any, public: str) -> None:
    """Have the server that runs say where it takes webhooks."""
    server.public = public


def test_a_server_that_runs_is_found_at_its_port(
    cli: Cli, receiver: SimpleNamespace, server: Any
) -> None:
    found_at(server, receiver.url.removesuffix("/webhooks/billing"))
    run = cli(*PAID)
    assert run.code == 0
    assert receiver.requests[0].path == "/webhooks/billing"


def test_a_server_that_runs_is_found_at_its_unix_socket(
    cli: Cli, folder: Path, server: Any
) -> None:
    path = folder / "public.sock"
    found_at(server, f"unix:{path}")
    with UnixReceiver(str(path)) as receiver:
        run = cli(*PAID)
        line = cli(*PAID, "--print-curl").out
    assert run.code == 0
    assert "200 in " in run.out
    assert receiver.paths == ["/webhooks/billing"]
    assert f"--unix-socket {path}" in line
    path.unlink()
    gone = cli(*PAID)
    assert (gone.code, f"nobody answers at {path}" in gone.err) == (4, True)


def test_a_server_that_comes_up_at_another_port_is_found_there(
    cli: Cli, receiver: SimpleNamespace, server: Any
) -> None:
    found_at(server, "http://127.0.0.1:1")
    public = receiver.url.removesuffix("/webhooks/billing")
    run = cli(*PAID, "--json", sleep=lambda _: found_at(server, public))
    assert run.code == 0
    assert run.data["url"] == receiver.url
    assert len(receiver.requests) == 1


def test_a_server_that_comes_up_at_a_unix_socket_is_found_there(
    cli: Cli, folder: Path, server: Any
) -> None:
    found_at(server, "http://127.0.0.1:1")
    path = folder / "public.sock"
    with UnixReceiver(str(path)) as receiver:
        run = cli(*PAID, sleep=lambda _: found_at(server, f"unix:{path}"))
    assert run.code == 0
    assert "now to http://localhost/webhooks/billing\n" in run.err
    assert receiver.paths == ["/webhooks/billing"]


class UnixReceiver(socketserver.ThreadingUnixStreamServer):
    """Takes requests on a Unix socket."""

    def __init__(self, path: str) -> None:
        self.paths: list[str] = []
        super().__init__(path, UnixHandler)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class UnixHandler(BaseHTTPRequestHandler):
    server: UnixReceiver

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.paths.append(self.path)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_several_sources_need_a_choice(cli: Cli, config: Path) -> None:
    config.write_text(
        config.read_text() + '[webhooks.other]\nprovider = "stripe"\nsecrets = ["env:SECRET"]\n'
    )
    unclear = cli(*PAID)
    assert unclear.code == 2
    assert "several sources are of stripe: billing, other" in unclear.err
    chosen = cli(*PAID, "--source", "other", "--print-curl")
    assert chosen.out.rstrip().endswith("/webhooks/other")


def test_a_provider_without_a_source_exits_3(cli: Cli) -> None:
    run = cli("trigger", "standard", "invoice.paid")
    assert run.code == 3
    assert "has no such source of standard; it has: billing (stripe), code (github)" in run.err


def test_a_configuration_without_sources_says_so(cli: Cli, config: Path) -> None:
    config.write_text('[store]\nurl = "sqlite:hardpoint.db"\n')
    assert "it has: none" in cli(*PAID).err


def test_with_address_and_secret_no_configuration_is_needed(
    cli: Cli, config: Path, receiver: SimpleNamespace
) -> None:
    config.unlink()
    assert cli(*PAID, "--to", receiver.url, "--secret", "env:SECRET").code == 0
    missing = cli(*PAID)
    assert missing.code == 3
    assert "hardpoint init" in missing.err


def test_elsewhere_needs_live(cli: Cli) -> None:
    refused = cli(*PAID, "--to", "https://shop.example/hook", "--print-curl")
    assert (refused.code, refused.out) == (5, "")
    meant = cli(*PAID, "--to", "https://shop.example/hook", "--live", "--print-curl")
    assert meant.code == 0


def test_the_curl_line_sends_the_same(cli: Cli, receiver: SimpleNamespace) -> None:
    run = cli(*PAID, "--to", receiver.url, "--print-curl", "--set", "data.object.metadata.a=it's")
    assert run.code == 0
    assert receiver.requests == []
    words = shlex.split(run.out)
    assert words[0] == "curl"
    body = words[words.index("--data-raw") + 1].encode()
    headers = [words[i + 1].split(": ") for i, word in enumerate(words) if word == "-H"]
    assert verified(SimpleNamespace(headers=dict(headers), body=body))


@pytest.mark.parametrize("body", [b"\xff", b"\x00", b"{}\r\n", b"\x1b[2J"])
def test_a_body_that_no_shell_carries_is_refused(cli: Cli, body: bytes) -> None:
    assert cli(*PAID, "--raw", "-", "--print-curl", stdin=body).code == 2
