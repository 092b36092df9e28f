"""The view for Django, called as its handlers call it; the Deploy page runs it under gunicorn."""

import time

import pytest
from django.conf import settings
from django.test import RequestFactory

from hardpoint.integrations.django import webhooks
from hardpoint.sync import Hub
from hardpoint.webhooks.verification import scheme

CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]
"""

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="for tests")


@pytest.fixture
def view(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", "whsec_one")
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    hub = Hub.load(tmp_path / "hardpoint.toml")
    inbox = hub.wsgi()
    inbox._hub.shared._patience = 0.05  # nobody owns the store, and that is found out soon
    monkeypatch.setattr(hub, "wsgi", lambda: inbox)
    yield webhooks(hub)
    inbox.close()


@pytest.fixture
def post():
    return RequestFactory(enforce_csrf_checks=True).post


def signed(body):
    headers = scheme("stripe", secrets=["whsec_one"]).sign(
        body, now=time.time(), event_id="evt_1", event_type="paid"
    )
    return dict(headers)


def test_it_is_exempt_from_the_check_of_forms(view):
    assert view.csrf_exempt


def test_a_genuine_webhook_without_an_owner_is_to_come_again(view, post):
    body = b'{"id": "evt_1", "type": "paid"}'
    request = post("/hooks/shop", body, "application/json", headers=signed(body))
    answer = view(request, source="shop")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Retry-After"]
    assert answer.content == b'{"error":"unavailable"}'


@pytest.mark.parametrize("source", ["shop", "shop/", "unknown", "sh\u00f6p"])
def test_a_forged_one_is_refused_whatever_its_source(view, post, source):
    answer = view(post("/hooks/x", b"forged", "application/json"), source=source)
    assert answer.status_code == 401


def test_a_body_that_a_middleware_has_read_is_there_still(view, post, settings_of_django):
    body = b'{"id": "evt_1", "type": "paid", "note": "%b"}' % (b"n" * 4_000)
    request = post("/hooks/shop", body, "application/json", headers=signed(body))
    assert request.body == body
    assert view(request, source="shop").status_code == 503


def test_a_large_body_is_taken_whatever_django_allows(view, post, settings_of_django):
    settings_of_django.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    body = b'{"id": "evt_1", "type": "paid", "note": "%b"}' % (b"n" * 4_000)
    request = post("/hooks/shop", body, "application/json", headers=signed(body))
    assert view(request, source="shop").status_code == 503


@pytest.fixture
def settings_of_django(monkeypatch):
    monkeypatch.setattr(settings, "DATA_UPLOAD_MAX_MEMORY_SIZE", 100_000, raising=False)
    return settings
