"""GitHub's own packages beside ours: signatures, the pages of a list, and how long is waited."""

import email.utils
import json
import subprocess
import time
from pathlib import Path

import pytest

from hardpoint.clients import link
from hardpoint.core.errors import PermissionDeniedError, RateLimitedError, WebhookError
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.sync import Hub
from hardpoint.testing import FakeRest
from hardpoint.webhooks import WebhookRequest, scheme

FOLDER = Path(__file__).parent / "octokit"
SECRET = "It's a Secret to Everybody"
BODIES = [
    "{}",
    '{"action":"opened"}',
    '{"title":"Grüße \\u2028 😀"}',
    json.dumps({"x": "y" * 99_000}),
]


def octokit(what, **told):
    """What they make of it; `make test` installs them."""
    ended = subprocess.run(
        ["node", "github.mjs", what],
        input=json.dumps(told).encode(),
        cwd=FOLDER,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-500:]
    return json.loads(ended.stdout)


@pytest.fixture
def api():
    with FakeServer(FakeRest()) as server:
        yield server


@pytest.fixture
def github(api, tmp_path):
    """A connection to the same API, described by configuration alone."""
    path = tmp_path / "hardpoint.toml"
    path.write_text(
        f'[connections.github]\nprovider = "rest"\nbase_url = "{api.url}"\nauth = "none"\n'
        'policy = { preset = "no_retry" }\n'
    )
    with Hub.load(path) as hub:
        yield hub.rest("github")


def test_both_sign_alike_and_each_takes_what_the_other_signs():
    ours = scheme("github", secrets=[SECRET])
    signed = [
        dict(ours.sign(body.encode(), now=0, event_id="d", event_type="push")) for body in BODIES
    ]
    mine = [headers["X-Hub-Signature-256"] for headers in signed]
    altered = [(body + " ", one) for body, one in zip(BODIES, mine, strict=True)]
    pairs = [*zip(BODIES, mine, strict=True), *altered]
    theirs = octokit("webhooks", secret=SECRET, bodies=BODIES, verify=pairs)
    assert theirs["verified"] == [True] * len(BODIES) + [False] * len(BODIES)
    for body, signature in zip(BODIES, theirs["signatures"], strict=True):
        headers = [("X-Hub-Signature-256", signature), ("X-GitHub-Event", "push")]
        headers.append(("X-GitHub-Delivery", "d"))
        ours.verify(WebhookRequest(headers=headers, body=body.encode()), now=0)
        with pytest.raises(WebhookError):
            ours.verify(WebhookRequest(headers=headers, body=body.encode() + b" "), now=0)
    assert mine == theirs["signatures"]


def test_both_ask_for_the_same_pages_in_the_same_order(api, github):
    def serve(request):
        number = int(dict(request.query()).get("page", "1"))
        items = [{"id": number * 10 + one} for one in range(2)]
        rest = f'<{api.url}/items?per_page=2&page=1>; rel="first"'
        if number < 4:
            rest = f'<{api.url}/items?per_page=2&page={number + 1}>; rel="next", {rest}'
        return FakeReply.json(items, 200, ("link", rest))

    api.app.on("GET /items", serve)
    theirs = octokit("pages", url=api.url, path="GET /items")
    asked = [request.target for request in api.app.received]
    api.app.received.clear()
    ours = [*github.pages("/items", query={"per_page": 2}, into=list[dict], page=link())]
    assert ours == theirs
    assert len(ours) == 8
    assert [request.target for request in api.app.received] == asked


def limited(status, message, *headers, wait=None):
    """An answer as GitHub gives it."""
    now = time.time()
    left = [("date", email.utils.formatdate(now, usegmt=True)), *headers]
    if wait is not None:
        left += [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", str(int(now) + wait))]
    return FakeReply.json({"message": message}, status, *left)


LIMITS = {
    "/primary": lambda: limited(403, "API rate limit exceeded for user ID 1.", wait=30),
    "/primary-429": lambda: limited(429, "API rate limit exceeded", wait=7),
    "/secondary": lambda: limited(
        403, "You have exceeded a secondary rate limit.", ("retry-after", "5")
    ),
    "/secondary-in-words": lambda: limited(403, "You have exceeded a secondary rate limit."),
}


def test_both_wait_for_as_long(api, github):
    for path, answer in LIMITS.items():
        api.app.on(f"GET {path}", lambda request, answer=answer: answer())
    api.app.on("GET /forbidden", lambda request: limited(403, "Must have admin rights."))
    theirs = octokit("limits", url=api.url, paths=[*LIMITS, "/forbidden"])
    for path, heard in zip(LIMITS, theirs, strict=False):
        assert heard["kind"] == path.strip("/").split("-")[0]
        with pytest.raises(RateLimitedError) as refused:
            github.get(path)
        # They add a second to a time that is told, and round up.
        assert heard["wait"] - 2.5 <= refused.value.retry_after <= heard["wait"], path
    assert theirs[-1]["kind"] is None
    with pytest.raises(PermissionDeniedError):
        github.get("/forbidden")
