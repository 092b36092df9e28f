"""Metrics for Prometheus: a listener that counts, and the text that it is scraped by.

Extra `prometheus`. No label takes more than `VALUES_MAX` values in a process: what comes after them
is counted under `(other)`, so that ten thousand sources cost no more than five hundred.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import islice
from typing import Any, Final, cast, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.telemetry.health import ConnectionHealth, HealthReport, HealthState

try:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.exposition import generate_latest
    from prometheus_client.metrics_core import Metric
except ModuleNotFoundError as error:
    raise ConfigurationError(
        "prometheus", "the extra is not installed", fix="pip install 'hardpoint[prometheus]'"
    ) from error

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
VALUES_MAX: Final = 500
OTHER: Final = "(other)"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STATES: Final = tuple(HealthState)
_OPEN: Final = frozenset({"open", "forced_open"})


@final
class PrometheusMetrics:
    """A listener that counts in this process, for whoever scrapes it.

    Raises:
        ConfigurationError: the extra `prometheus` is not installed.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._values: dict[str, set[str]] = {}
        self._children: dict[tuple[object, ...], Any] = {}

        self._received = self._counter(
            "hardpoint_webhook_events",
            "Verified events, by what became of them.",
            "source",
            "result",
        )
        self._durable = self._histogram(
            "hardpoint_webhook_accept_duration_seconds", "Until an event was durable.", "source"
        )
        self._refused = self._counter(
            "hardpoint_webhook_refusals", "Requests that were refused.", "source", "reason"
        )
        self._attempts = self._counter(
            "hardpoint_handler_attempts", "Attempts of handlers.", "source", "handler", "outcome"
        )
        self._handled = self._histogram(
            "hardpoint_handler_duration_seconds", "Attempts of handlers.", "handler"
        )
        self._calls = self._counter(
            "hardpoint_calls", "Calls out, by what ended them.", "connection", "operation", "error"
        )
        self._called = self._histogram(
            "hardpoint_call_duration_seconds", "Calls out, all attempts together.", "connection"
        )
        self._tried = self._counter(
            "hardpoint_call_attempts", "Attempts of calls out.", "connection", "error"
        )
        self._retried = self._counter(
            "hardpoint_call_retries", "Further attempts that were decided.", "policy"
        )
        self._rejected = self._counter(
            "hardpoint_call_rejections", "Calls that one of our parts refused.", "policy", "by"
        )
        self._circuits = self._counter(
            "hardpoint_circuit_changes", "Circuits that changed their state.", "policy", "state"
        )
        self._committed = self._histogram(
            "hardpoint_store_commit_duration_seconds", "Commits of the store.", "kind"
        )
        self._rows = self._counter(
            "hardpoint_store_committed_rows", "What was committed together.", "kind"
        )
        self._failed = self._counter(
            "hardpoint_store_commit_failures", "Commits that failed.", "kind"
        )
        self._refreshed = self._counter(
            "hardpoint_token_refreshes", "Tokens that were renewed.", "connection"
        )
        self._told = self._counter(
            "hardpoint_events_told", "Warnings and errors that were told.", "severity", "event"
        )
        self._rules: dict[str, Callable[[Any], None]] = {
            "EventReceived": self._event_received,
            "RequestsRefused": self._requests_refused,
            "HandlerFinished": self._handler_finished,
            "CallEnded": self._call_ended,
            "AttemptEnded": lambda one: self._add(self._tried, one.connection, one.error or ""),
            "RetryScheduled": lambda one: self._add(self._retried, one.policy),
            "CallRejected": lambda one: self._add(self._rejected, one.policy, one.by),
            "CircuitChanged": lambda one: self._add(self._circuits, one.policy, one.after),
            "BatchCommitted": self._batch_committed,
            "BatchFailed": lambda one: self._add(self._failed, one.kind),
            "TokenRefreshed": lambda one: self._add(self._refreshed, one.connection),
        }

    def __call__(self, event: object) -> None:
        """Count what an event says."""
        name = type(event).__name__
        rule = self._rules.get(name)
        if rule is not None:
            rule(event)
        severity = getattr(event, "severity", "info")
        if severity in {"warning", "error"}:
            self._add(self._told, severity, name)

    def text(self, connections: Sequence[ConnectionHealth], *, role: str) -> bytes:
        """What this process has to say: its counts, and how its connections are.

        Args:
            connections: as it has seen them.
            role: whether it has the store.
        """
        told = [*self._registry.collect(), *_of_process(connections, role)]
        return _written(told, {"process": str(os.getpid())})

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self._registry, buckets=_SECONDS)

    def _child(self, metric: Any, names: tuple[str, ...]) -> Any:
        """The one with these values of its labels; (other) beyond the bound."""
        found = self._children.get((metric, *names))
        if found is None:
            bounded = [
                self._bounded(label, name)
                for label, name in zip(metric._labelnames, names, strict=False)
            ]
            found = metric.labels(*bounded)
            if tuple(bounded) == names:  # others are many: they are looked up each time
                self._children[metric, *names] = found
        return found

    def _bounded(self, label: str, value: str) -> str:
        known = self._values.setdefault(label, set())
        if value in known:
            return value
        if len(known) >= VALUES_MAX:
            return OTHER
        known.add(value)
        return value

    def _add(self, metric: Counter, *names: str, amount: float = 1) -> None:
        self._child(metric, names).inc(amount)

    def _observe(self, metric: Histogram, seconds: float, *names: str) -> None:
        self._child(metric, names).observe(seconds)

    def _event_received(self, event: Any) -> None:
        self._add(self._received, event.source, event.stored.value)
        self._observe(self._durable, event.seconds, event.source)

    def _requests_refused(self, event: Any) -> None:
        self._add(self._refused, event.source, event.reason, amount=event.count)

    def _handler_finished(self, event: Any) -> None:
        self._add(self._attempts, event.source, event.handler, event.outcome.value)
        self._observe(self._handled, event.seconds, event.handler)

    def _call_ended(self, event: Any) -> None:
        self._add(self._calls, event.connection, event.operation, event.error or "")
        self._observe(self._called, event.seconds, event.connection)

    def _batch_committed(self, event: Any) -> None:
        self._observe(self._committed, event.seconds, event.kind)
        self._add(self._rows, event.kind, amount=event.rows)


def site_text(report: HealthReport) -> bytes:
    """What is the same whichever process says it: of the store, the accounts, the processes."""
    return _written([*_of_site(report), *_of_credentials(report), *_of_sources(report)], {})


def joined(pages: Sequence[bytes]) -> bytes:
    """The pages of several processes as one, each metric told about once."""
    families: dict[str, list[str]] = {}
    for page in pages:
        lines, fresh = list[str](), True
        for line in page.decode().splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ", 3)[2]
                lines = families.setdefault(name, [])
                fresh = not lines
            if not line.startswith("#") or fresh:
                lines.append(line)
    return "".join(f"{line}\n" for lines in families.values() for line in lines).encode()


def _of_process(connections: Sequence[ConnectionHealth], role: str) -> Iterator[GaugeMetricFamily]:
    labels = {"pid": str(os.getpid()), "role": role, "version": version("hardpoint")}
    yield _gauges(
        "hardpoint_process_info",
        "Who says so: the owner has the store, a guest hands over to it.",
        tuple(labels),
        {tuple(labels.values()): 1},
    )
    every = {(one.name, one.provider): one for one in connections}
    about = ("connection", "provider")
    yield _gauges(
        "hardpoint_connection_state",
        "1 for the state that it has.",
        (*about, "state"),
        {
            (*names, state.value): one.state is state
            for names, one in every.items()
            for state in _STATES
        },
    )
    yield _gauges(
        "hardpoint_circuit_open",
        "1 while calls are refused because too many have failed.",
        about,
        {names: one.circuit in _OPEN for names, one in every.items() if one.circuit},
    )
    yield _gauges(
        "hardpoint_quota_remaining",
        "Calls that the vendor will still take, as it said last.",
        about,
        {names: one.quota_left for names, one in every.items() if one.quota_left is not None},
    )


def _of_site(report: HealthReport) -> Iterator[GaugeMetricFamily]:
    yield _gauges(
        "hardpoint_store_readable", "Whether the store can be read.", (), {(): not report.store}
    )
    answered = sum(one.answered for one in report.processes)
    yield _gauges(
        "hardpoint_processes",
        "Processes of this machine that share the store and are observed.",
        ("state",),
        {("answering",): answered, ("silent",): len(report.processes) - answered},
    )


def _of_credentials(report: HealthReport) -> Iterator[GaugeMetricFamily]:
    every = [one for each in report.connections for one in each.credentials]
    yield _gauges(
        "hardpoint_credential_expiry_timestamp_seconds",
        "When a credential ends that nobody renews by itself.",
        ("credential",),
        {(one.name,): one.expires_at for one in every if one.expires_at and not one.renewed},
    )
    yield _gauges(
        "hardpoint_accounts",
        "Connected accounts, by their state.",
        ("state",),
        {(state,): count for state, count in report.accounts.items()},
    )


def _of_sources(report: HealthReport) -> Iterator[GaugeMetricFamily]:
    every = {(one.name,): one for one in report.sources}
    about = ("source",)
    yield _gauges(
        "hardpoint_backlog_jobs",
        "Jobs that are not done yet.",
        about,
        {names: one.waiting for names, one in every.items()},
    )
    yield _gauges(
        "hardpoint_backlog_age_seconds",
        "How long the job that is due the longest has waited.",
        about,
        {names: one.oldest_due_seconds or 0 for names, one in every.items()},
    )
    yield _gauges(
        "hardpoint_dead_letters",
        "Jobs that were given up.",
        about,
        {names: one.dead for names, one in every.items()},
    )
    yield _gauges(
        "hardpoint_webhook_last_timestamp_seconds",
        "When the last event came.",
        about,
        {names: one.last_at for names, one in every.items() if one.last_at is not None},
    )


def _gauges(
    name: str,
    text: str,
    labels: tuple[str, ...],
    values: Mapping[tuple[str, ...], float | None],
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for names, value in islice(values.items(), VALUES_MAX * len(_STATES)):
        if value is not None:
            family.add_metric(names, float(value))
    return family


def _written(families: Iterable[Metric], labels: Mapping[str, str]) -> bytes:
    """As Prometheus reads it, with further labels on every sample."""
    told: list[Metric] = []
    for one in families:
        family = Metric(one.name, one.documentation, one.type)
        family.samples = [
            sample._replace(labels={**sample.labels, **labels}) for sample in one.samples
        ]
        told.append(family)
    return generate_latest(cast("CollectorRegistry", _Collected(told)))


class _Collected:
    """Families that were collected already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families
