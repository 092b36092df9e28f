"""`hardpoint debug` of what a store or a running server knows."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from hardpoint.cli.debug import _explained

Cli = Callable[..., Any]
CALL = {
    "id": "call-1",
    "connection": "shop",
    "provider": "stripe",
    "operation": "create_payment",
    "error": "DeclinedError: insufficient_funds",
    "correlation_id": "corr-1",
    "attempts": [{"status": 402, "error": "insufficient_funds"}],
}


@pytest.fixture
def admin() -> Any:
    """An admin listener that knows one call."""

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            told = {"/calls": {"calls": [CALL]}, "/calls/call-1": CALL}.get(path)
            self.send_response(404 if told is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(told or {}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dead", "mend the cause, then: hardpoint events retry"),
        ("done", "nothing is left to do"),
    ],
)
def test_an_event_is_shown_with_what_to_do(
    cli: Cli, events: dict[str, str], name: str, said: str
) -> None:
    run = cli("debug", events[name])
    assert run.code == 0
    assert events[name] in run.out
    assert said in run.out


def test_events_are_found_by_the_correlation_id_of_a_log_line(
    cli: Cli, events: dict[str, str]
) -> None:
    listed = cli("events", "list", "--json").data["events"]
    wanted = listed[0]["correlation_id"]
    run = cli("debug", wanted, "--json")
    assert run.code == 0
    ids = {one["id"] for one in run.data["events"]}
    assert ids == {one["id"] for one in listed if one["correlation_id"] == wanted}


@pytest.mark.parametrize("what", ["call-1", "corr-1"])
def test_a_call_is_shown_with_its_vendors_code(cli: Cli, admin: str, what: str) -> None:
    run = cli("debug", what, "--admin", admin)
    assert run.code == 0
    assert run.out.startswith("call call-1: stripe create_payment by [connections.shop]\n")
    assert "stripe insufficient_funds: There is not enough money on the account." in run.out
    assert "next: hardpoint breaker show shop" in run.out


def test_a_call_that_the_server_does_not_know(cli: Cli, admin: str) -> None:
    assert cli("debug", "call-2", "--admin", admin).code == 1


def test_a_code_of_a_service_is_explained() -> None:
    [told] = _explained("aws.sqs: NotFoundError: no such queue (code QueueDoesNotExist)")
    assert told.startswith("aws QueueDoesNotExist: There is no such queue")


def test_a_code_in_capitals_is_explained() -> None:
    [told] = _explained("paypal: DeclinedError: refused (code INSTRUMENT_DECLINED)")
    assert told.startswith("paypal INSTRUMENT_DECLINED: ")
