"""What holds for every provider and protocol that has webhooks and samples."""

import json
import re
from pathlib import Path

import pytest

from hardpoint.core.identifiers import Uuid7
from hardpoint.core.providers import load, provider, provider_names
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.samples import PROTOCOLS as SAMPLED
from hardpoint.webhooks.samples import samples
from hardpoint.webhooks.verification import DESCRIBED, PROTOCOLS, Coverage, Replay, Scheme

HERE = Path(__file__).parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of a shape that most schemes take
NOW = 1_700_000_000.5
BOUND = sorted(PROTOCOLS.keys() - DESCRIBED)  # the others cannot do without settings
SCHEMES = [*BOUND, *(name for name in provider_names() if provider(name).webhooks)]
SAMPLES = [
    (name, event_type)
    for name in [*SAMPLED, *(name for name in provider_names() if provider(name).samples)]
    for event_type in samples(name).types
]
FORBIDDEN = {b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"}


def bind(name: str) -> Scheme:
    said = HERE / name / "signatures.json"
    given = json.loads(said.read_text())["scheme"] if said.exists() else {"secret": SECRET}
    return scheme(name, secrets=[given["secret"]], **given.get("settings", {}))


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_says_what_it_covers_and_what_may_be_stored(name: str) -> None:
    bound = bind(name)
    assert isinstance(bound.covers, Coverage)
    assert isinstance(bound.replay, Replay)
    assert bound.signature_headers
    assert not bound.stored_headers & (bound.signature_headers | FORBIDDEN)
    assert b"content-type" in bound.stored_headers
    for header in bound.stored_headers | bound.signature_headers:
        assert re.fullmatch(rb"[a-z0-9-]+", header)
    assert 0 < bound.body_bytes_max <= 25 * 1024 * 1024


@pytest.mark.parametrize("name", SCHEMES)
def test_what_a_scheme_signs_stands_in_headers_it_names(name: str) -> None:
    bound = bind(name)
    signed = bound.sign(b"{}", now=NOW, event_id="id-1", event_type="made")
    names = {header.lower().encode() for header, _ in signed}
    assert names & bound.signature_headers
    assert names <= bound.signature_headers | bound.stored_headers


@pytest.mark.parametrize(("name", "event_type"), SAMPLES)
def test_every_sample_verifies_as_the_event_it_is(name: str, event_type: str) -> None:
    bound = bind(name)
    sample = samples(name).sample(event_type, now=NOW, ids=Uuid7())
    headers = bound.sign(sample.body, now=NOW, event_id=sample.id, event_type=sample.type)
    result = bound.verify(WebhookRequest(headers=headers, body=sample.body), now=NOW)
    assert result.malformed is None
    (event,) = result.events
    assert (event.id, event.type) == (sample.id, event_type)
    assert sample.content_type in {"application/json", "application/x-www-form-urlencoded"}


PORTS = {name for name in provider_names() if set(provider(name).ports) - {"chat"}}
"""Whose events a port reads: what people say in a chat is the application's."""
READ = [(name, event_type) for name, event_type in SAMPLES if name in PORTS]
OURS = {"call", "message", "payment_intent", "charge", "refund", "payment", "dispute", "order"}
"""What events are about that a port reads."""


@pytest.mark.parametrize(("name", "event_type"), READ)
def test_every_sample_is_read_by_the_port(name: str, event_type: str) -> None:
    """One event says what it is about; a request of several says each by itself."""
    sample = samples(name).sample(event_type, now=int(NOW), ids=Uuid7())
    for driver in map(load, provider(name).ports.values()):
        if hasattr(driver, "parse_events"):
            (event,) = driver.parse_events(None, sample.body)
            assert (event.event_id, event.at) == (sample.id, int(NOW))
        else:
            told = driver.parse_event(None, sample.body)
            assert told is None or OURS & set(event_type.lower().split("."))


@pytest.mark.parametrize("name", provider_names())
def test_a_manifest_declares_its_tokens_in_lower_case(name: str) -> None:
    manifest = provider(name)
    assert manifest.tokens
    assert all(token == token.lower() for token in manifest.tokens)
    assert manifest.title
