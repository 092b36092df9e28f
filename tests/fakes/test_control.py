"""A fake steered over HTTP, as a program in another language would."""

import httpx2
import pytest

from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.server import FakeServer
from hardpoint.webhooks.standard import StandardWebhooks

SCHEME = StandardWebhooks(secrets=[Secret.value("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")])


@pytest.fixture
def client(server):
    with httpx2.Client(base_url=server.url, trust_env=False) as client:
        yield client


@pytest.fixture
def talking(server):
    """The vendor has something to say."""
    server.app.emitter = Emitter(SCHEME)
    server.app.emitter.emit("evt_1", "thing.happened", b'{"id": "evt_1"}')
    with FakeServer(server.app) as talking, httpx2.Client(base_url=talking.url) as client:
        yield client
    server.app.emitter.close()


def control(client, name, **options):
    method = "POST" if options else "GET"
    return client.request(method, f"/_hardpoint/{name}", **options)


def test_the_ledger_can_be_read(client):
    client.post("/a")
    assert control(client, "ledger").json() == [{"kind": "asked", "path": "/a", "method": "POST"}]


def test_the_requests_can_be_read_and_controls_are_none(client):
    control(client, "faults", content="status=503")
    client.post("/a?b=c")
    client.get("/a")
    assert control(client, "requests").json() == [
        {"method": "POST", "path": "/a", "status": 503, "fault": "status"},
        {"method": "GET", "path": "/a", "status": 200, "fault": None},
    ]


def test_faults_are_planned_one_a_line(client):
    planned = control(client, "faults", content="status=503,on=GET *\n\nstatus=429,on=POST *\n")
    assert planned.json() == {"planned": 2}
    assert [client.post("/a").status_code, client.get("/a").status_code] == [429, 503]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"status=503\nstatu=1", "'statu' is no fault. Known: latency"),
        (b"\xff", "'utf-8' codec can't decode"),
    ],
)
def test_a_plan_that_cannot_be_read_changes_nothing(client, content, said):
    refused = control(client, "faults", content=content)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(said)
    assert client.get("/a").status_code == 200


def test_waiting_webhooks_can_be_read_and_go_on_waiting(talking):
    for _ in range(2):
        assert control(talking, "webhooks").json() == [
            {
                "id": "evt_1",
                "type": "thing.happened",
                "content_type": "application/json",
                "body": '{"id": "evt_1"}',
            }
        ]


def test_waiting_webhooks_are_sent_where_one_says(talking, server):
    delivery = {"url": f"{server.url}/hooks", "chaos": "duplicates=1", "seed": 3}
    sent = control(talking, "webhooks", json=delivery).json()
    assert sent == [{"event_id": "evt_1", "event_type": "thing.happened", "status": 200}] * 2
    assert server.app.ledger.count("asked", path="/hooks") == 2
    assert control(talking, "webhooks").json() == []


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        ({"url": "https://shop.example/hooks"}, "webhooks go to this machine only"),
        ({"url": "http://[/"}, "Invalid IPv6 URL"),
        ({"url": "http://127.0.0.1/", "chaos": "twice"}, "'twice' is not known here"),
        ({"chaos": "shuffled"}, "Object missing required field `url`"),
        ({"url": "http://127.0.0.1/", "to": "x"}, "Object contains unknown field `to`"),
    ],
)
def test_a_delivery_that_cannot_be_is_refused(talking, delivery, said):
    refused = control(talking, "webhooks", json=delivery)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(said)
    assert len(control(talking, "webhooks").json()) == 1


def test_a_vendor_without_webhooks_has_none_and_sends_none(client):
    assert control(client, "webhooks").json() == []
    assert control(client, "webhooks", json={"url": "http://127.0.0.1/"}).status_code == 404


def test_clear_forgets_what_happened_and_what_was_planned(talking):
    control(talking, "faults", content="status=503,times=9")
    talking.get("/a")
    assert control(talking, "clear", content="").json() == {}
    for name in ("ledger", "requests", "webhooks"):
        assert control(talking, name).json() == []
    assert talking.get("/a").status_code == 200


def test_clear_needs_no_webhooks(client):
    assert control(client, "clear", content="").status_code == 200


def test_what_is_no_control_is_not_found(client):
    assert control(client, "other").status_code == 404
    assert control(client, "ledger", content="").status_code == 404


def test_a_page_in_a_browser_may_not_steer(client):
    refused = client.post("/_hardpoint/clear", headers={"origin": "https://evil.example"})
    assert refused.status_code == 403
