import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from hardpoint.core.errors import ConfigurationError, StoreUnavailableError
from hardpoint.service import runfile
from hardpoint.service.operator import Operator, running
from hardpoint.service.runfile import RunningServer

TOKEN = "the-t0ken"


class Server:
    """Answers every request alike, and remembers them."""

    def __init__(self) -> None:
        self.status = 200
        self.content = b"{}"
        self.heard: list[tuple[str, str, str, bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                authorization = self.headers["authorization"]
                server.heard.append((self.command, self.path, authorization, body))
                self.send_response(server.status)
                self.send_header("content-length", str(len(server.content)))
                self.end_headers()
                self.wfile.write(server.content)

            do_GET = answer  # noqa: N815 - the name http.server looks for
            do_POST = answer  # noqa: N815 - likewise

            def log_message(self, *_) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.run = RunningServer(
            pid=os.getpid(),
            url=f"http://127.0.0.1:{self.http.server_port}",
            token=TOKEN,
            started_at=1.0,
        )
        self.operator = Operator(self.run)

    def say(self, status: int, **content: object) -> None:
        self.status, self.content = status, json.dumps(content).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def test_orders_go_to_the_server_with_its_token(server):
    server.say(200, count=2)
    assert server.operator.retry("a/b", "mark_paid", actor="ann", reason="why") == 2
    assert server.operator.replay("e1", force=True) == 2
    assert server.operator.resolve("e1", note="seen to", actor="ann") == 2
    retry, replay, resolve = server.heard
    assert resolve[:2] == ("POST", "/api/events/e1/resolve")
    assert json.loads(resolve[3]) == {"handler": None, "note": "seen to", "actor": "ann"}
    assert retry[:3] == ("POST", "/api/events/a%2Fb/retry", f"Bearer {TOKEN}")
    assert json.loads(retry[3]) == {"handler": "mark_paid", "actor": "ann", "reason": "why"}
    assert replay[:2] == ("POST", "/api/events/e1/replay")
    assert json.loads(replay[3]) == {"handler": None, "actor": "", "reason": "", "force": True}


def test_a_refusal_of_the_configuration_arrives_as_it_was_raised(server):
    server.say(400, error="configuration", key="handler x", problem="is not known", fix="Known: y")
    with pytest.raises(ConfigurationError) as caught:
        server.operator.replay("e1", "x")
    refusal = caught.value
    assert (refusal.key, refusal.problem, refusal.fix) == ("handler x", "is not known", "Known: y")


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (503, {"error": "unavailable", "message": "the disk is full"}, "503: the disk is full"),
        (401, {"error": "unauthorized"}, "401: unauthorized"),
        (500, {}, "500: nothing we understand"),
    ],
)
def test_any_other_answer_is_told(server, status, content, said):
    server.say(status, **content)
    with pytest.raises(StoreUnavailableError, match=said):
        server.operator.retry("e1")


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'"\xff"', b"", b"{" * 100_000])
def test_what_is_not_our_language_is_no_answer(server, content):
    server.content = content
    with pytest.raises(StoreUnavailableError, match="does not answer") as caught:
        server.operator.retry("e1")
    assert TOKEN not in str(caught.value)
    assert not server.operator.answers()


def test_a_running_server_is_found_by_its_file(server, tmp_path):
    database = tmp_path / "inbox.db"
    assert running(database) is None
    runfile.write(runfile.path_of(database), server.run)
    server.say(200, pid=server.run.pid)
    found = running(database)
    assert found is not None
    assert found.run == server.run


def test_a_server_that_is_another_is_not_taken_for_it(server, tmp_path):
    database = tmp_path / "inbox.db"
    runfile.write(runfile.path_of(database), server.run)
    for status, pid in ((200, server.run.pid + 1), (401, server.run.pid)):
        server.say(status, pid=pid)
        assert running(database) is None


def test_a_file_whose_process_or_listener_is_gone_is_stale(tmp_path):
    database = tmp_path / "inbox.db"
    for pid in (2**22 + 1, os.getpid()):  # above the highest process id there can be; ours
        stale = RunningServer(pid=pid, url="http://127.0.0.1:1", token=TOKEN, started_at=1.0)
        runfile.write(runfile.path_of(database), stale)
        assert running(database) is None
