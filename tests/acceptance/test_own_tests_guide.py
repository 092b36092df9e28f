"""The guide to testing one's own integration: its files are a suite that passes as it stands."""

import re
import shlex
from pathlib import Path

import pytest

from hardpoint.cli import fakes
from hardpoint.fakes.orders import fault_of

pytest_plugins = ["pytester"]

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "test-your-integration.md"
RECEIVER = '''

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from hardpoint import WebhookError
from hardpoint.webhooks import WebhookRequest, scheme


@pytest.fixture
def paid_orders():
    return []


@pytest.fixture
def shop_url(fake_stripe, paid_orders):
    """An application that believes what verifies, once."""
    verifier = scheme("stripe", secrets=[fake_stripe.app.facts.webhook_secret])
    seen = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            request = WebhookRequest(headers=self.headers.items(), body=body)
            try:
                [event] = verifier.verify(request, now=time.time()).events
            except WebhookError:
                status = 401
            else:
                status = 200
                if event.type == "payment_intent.succeeded" and event.id not in seen:
                    seen.add(event.id)
                    paid_orders.append(json.loads(body)["data"]["object"]["metadata"]["reference"])
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/webhooks/billing"
        server.shutdown()
        thread.join()
'''


def files(language: str) -> dict[str, str]:
    blocks = re.findall(rf"```{language}\n# (\S+)\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return dict(blocks)


def test_the_files_of_the_guide_are_a_suite_that_passes(pytester: pytest.Pytester) -> None:
    sources = files("python") | files("toml")
    sources["conftest.py"] = "import json\nimport time\n" + sources["conftest.py"] + RECEIVER
    for name, source in sources.items():
        (pytester.path / name).write_text(source)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    tests = sum(source.count("\ndef test_") for source in sources.values())
    result.assert_outcomes(passed=tests)
    assert tests >= 9


def test_the_first_test_has_at_most_ten_lines() -> None:
    first, *_ = [source for name, source in files("python").items() if name.startswith("test_")]
    assert "hardpoint_hub.deliver(" in first
    assert len([line for line in first.splitlines() if line]) == 9


def test_its_commands_are_what_the_command_line_takes() -> None:
    [block] = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    serve, *steering = block.splitlines()
    _, _, vendor, *options = shlex.split(serve)
    stands = [fakes._Stand(vendor, 0, optional_fields=True)]
    fakes._set_ports(stands, [options[1]])
    assert str(stands[0].port) in steering[0]
    assert fault_of(shlex.split(steering[0])[2]).on == "POST /v1/payment_intents"


def test_every_link_of_the_page_leads_somewhere() -> None:
    for target in re.findall(r"\]\((\.\.?/[^)]+)\)", GUIDE.read_text()):
        path, _, anchor = target.partition("#")
        page = (GUIDE.parent / path).resolve()
        titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        assert not anchor or anchor in {title.lower().replace(" ", "-") for title in titles}
