"""The files for Prometheus and Grafana: every metric that they name is one that we have."""

import json
import re
from pathlib import Path

import pytest
import yaml

from hardpoint import (
    AttemptEnded,
    BatchFailed,
    CallEnded,
    CallRejected,
    CircuitChanged,
    RetryScheduled,
)
from hardpoint.store.driver import Outcome, Stored
from hardpoint.store.events import BatchCommitted
from hardpoint.telemetry.health import (
    ConnectionHealth,
    CredentialHealth,
    HealthReport,
    HealthState,
    SourceHealth,
)
from hardpoint.telemetry.prometheus import PrometheusMetrics, joined, site_text
from hardpoint.webhooks.attempts import HandlerFinished
from hardpoint.webhooks.reception import EventReceived, RequestsRefused

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "monitoring"
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = {one["title"]: [each["expr"] for each in one["targets"]] for one in DASHBOARD["panels"]}
NAME = re.compile(r"\bhardpoint_\w+")
LABELS = re.compile(r"by \(([^)]*)\)")
CALL = {"connection": "crm", "provider": "rest", "operation": "GET /", "seconds": 0.1, "error": "x"}


def told():
    """One of each event that is counted."""
    yield EventReceived(
        event_id="1",
        source="shop",
        type="paid",
        vendor_id=None,
        correlation_id="c",
        stored=Stored.NEW,
        body_bytes=1,
        seconds=0.01,
        secret=0,
    )
    yield RequestsRefused(source="shop", reason="stale_timestamp", count=2)
    yield HandlerFinished(
        event_id="1",
        source="shop",
        type="paid",
        vendor_id=None,
        correlation_id="c",
        handler="ship",
        attempt=1,
        outcome=Outcome.DONE,
        seconds=0.1,
    )
    yield AttemptEnded(**CALL, attempt=1, status=500, request_id=None, correlation_id=None)
    yield CallEnded(**CALL, attempts=1, correlation_id=None)
    yield RetryScheduled("crm", None, 1, 0.1, "x")
    yield CallRejected("crm", None, "CircuitOpenError")
    yield CircuitChanged("crm", None, "closed", "open", "x", 60.0)
    yield BatchCommitted(kind="accept", rows=3, seconds=0.002)
    yield BatchFailed(kind="accept", rows=3, reason="full")


def report():
    """One that has everything."""
    return HealthReport(
        state=HealthState.DEGRADED,
        at=1.0,
        pid=1,
        role="owner",
        store=None,
        connections=(
            ConnectionHealth(
                name="crm",
                provider="rest",
                state=HealthState.DOWN,
                reasons=(),
                calls=1,
                error_rate=1.0,
                p95_seconds=0.1,
                circuit="open",
                quota_left=3,
                quota_limit=10,
                last_call_at=1.0,
                last_error="x",
                credentials=(CredentialHealth(name="connections.crm.key", expires_at=5.0),),
            ),
        ),
        sources=(
            SourceHealth(
                name="shop",
                provider="stripe",
                state=HealthState.UP,
                reasons=(),
                last_at=1.0,
                usually_silent_seconds=None,
                waiting=1,
                oldest_due_seconds=3.0,
                dead=1,
                refusals={},
                vendor_gives_up_in=None,
            ),
        ),
        accounts={"needs_reauth": 1},
        accounts_in_trouble=(),
    )


@pytest.fixture(scope="module")
def samples():
    """The labels of each metric, by its name as rules use it."""
    metrics = PrometheusMetrics()
    for event in told():
        metrics(event)
    own = metrics.text(report().connections, role="owner")
    lines = joined([own, site_text(report())]).decode().splitlines()
    found = {}
    for line in lines:
        if not line.startswith("#"):
            name, _, rest = line.partition("{")
            labels = set(re.findall(r'(\w+)="', rest)) if rest else set()
            found[name.split(" ")[0]] = labels
    return found


EXPRESSIONS = [
    *(one["expr"] for one in ALERTS),
    *(each for exprs in PANELS.values() for each in exprs),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_named_exists(expression, samples):
    names = NAME.findall(expression)
    assert names
    assert [one for one in names if one not in samples] == []
    for group in LABELS.findall(expression):
        wanted = set(group.replace(" ", "").split(","))
        assert any(wanted <= samples[name] for name in names)


def test_every_alert_has_its_page():
    assert len(ALERTS) == 5
    for one in ALERTS:
        page = ROOT / one["annotations"]["runbook_url"]
        assert one["alert"] in page.read_text()
        assert "## What is not retried" in page.read_text()


def test_every_metric_is_on_the_dashboard_or_said_why_not(samples):
    shown = {name for exprs in PANELS.values() for each in exprs for name in NAME.findall(each)}
    shown = {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in shown}
    known = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in samples}
    left_out = {
        "hardpoint_circuit_changes",  # the state itself is shown
        "hardpoint_connection_state",  # likewise, by its parts
        "hardpoint_events_told",  # for alerts of one's own
    }
    assert known - shown == left_out


@pytest.mark.parametrize(
    "command",
    re.findall(
        r"^hardpoint [a-z ]+",
        "\n".join(p.read_text() for p in (ROOT / "docs/runbooks").glob("*.md")),
        re.MULTILINE,
    ),
)
def test_every_command_of_a_page_is_one_that_we_have(command):
    from typer.main import get_command

    from hardpoint.cli.tree import COMMANDS, app

    words = command.split()[1:]
    assert words[0] in COMMANDS
    context = get_command(app).make_context("hardpoint", [words[0]], resilient_parsing=True)
    _, found, _ = context.command.resolve_command(context, [words[0]])
    if len(words) > 1:
        assert words[1] in found.commands
