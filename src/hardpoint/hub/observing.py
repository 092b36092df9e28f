"""What a hub shows of itself to operators: its health, its metrics, its last calls.

It listens from the moment that somebody first asks for one of these; before, nothing is recorded.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import HardpointError, StoreError
from hardpoint.core.forks import forget_in_child
from hardpoint.core.providers import provider
from hardpoint.hub.asgi import Receive, Scope, Send
from hardpoint.hub.connections import ConnectionSettings, VaultKey
from hardpoint.hub.settings import Settings
from hardpoint.hub.siblings import SiblingAnswers, Siblings
from hardpoint.store.views import SourceTraffic, StoreReader
from hardpoint.telemetry.health import (
    CIRCUITS,
    ConnectionHealth,
    CredentialHealth,
    HealthReport,
    HealthState,
    ProcessHealth,
    ProcessShare,
    SourceHealth,
    connection_state,
    credential_state,
    source_state,
    together,
    usual_silence,
    worst,
)
from hardpoint.telemetry.recorder import Recorder
from hardpoint.webhooks.refusals import recent
from hardpoint.webhooks.verification import PROTOCOLS

if TYPE_CHECKING:
    from hardpoint.hub.hub import Hub
    from hardpoint.telemetry.prometheus import PrometheusMetrics

STORE_SECONDS: Final = 5.0
"""What is known of the store is asked for no more often than this."""
PATIENCE_SECONDS: Final = 10.0
_ARRIVALS_MAX: Final = 10_000
"""How many of the last events are looked at for when each source has sent some."""
_HEALTH: Final = "health"
_METRICS: Final = "metrics"
"""What processes ask one another."""
_TROUBLE_MAX: Final = 100


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the store says, and when it was asked."""

    traffic: Mapping[str, SourceTraffic]
    refusals: Mapping[str, Mapping[str, int]]
    refused_since: Mapping[str, float]
    problem: str | None = None


_NOTHING: Final = StoreFacts(traffic={}, refusals={}, refused_since={})


@final
class Observation:
    """Records what a hub tells, and says how it is.

    Args:
        hub: which.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        store = hub.settings.store
        self._siblings = Siblings(str(store.file or store.shown), self._told)
        self._counting = False
        self.forget()
        forget_in_child(self)
        hub.listeners.add(self)

    def forget(self) -> None:
        """Begin anew: in a forked child all that its parent has seen is the parent's."""
        self.recorder = Recorder(self._hub._clock)
        self._metrics = self._new_metrics() if self._counting else None
        self._known: tuple[float, StoreFacts] | None = None
        self._asking: asyncio.Future[StoreFacts] | None = None
        self._announced = False

    def __call__(self, event: object) -> None:
        """Record and count what an event says."""
        if not self._announced:
            self._announce()
        self.recorder(event)
        if self._metrics is not None:
            self._metrics(event)

    def count(self) -> None:
        """Count for Prometheus from now on.

        Raises:
            ConfigurationError: the extra is not installed.
        """
        if self._metrics is None:
            self._metrics = self._new_metrics()
            self._counting = True
            self._announce()

    def close(self) -> None:
        """The hub has stopped: other processes hear of it no more, until something happens."""
        self._siblings.close()
        self._announced = False

    async def metrics(self) -> bytes:
        """What Prometheus scrapes: what each process counts, and how the site is."""
        from hardpoint.telemetry.prometheus import joined, site_text

        self.count()
        answers, report = await asyncio.gather(self._siblings.ask(_METRICS), self.report())
        return joined([self._told(_METRICS), *answers.said.values(), site_text(report)])

    async def report(self) -> HealthReport:
        """How everything is, in all processes of this machine that share the store."""
        hub, now = self._hub, self._hub._clock.now()
        if not self._announced:
            self._announce()
        asking = asyncio.ensure_future(self._siblings.ask(_HEALTH))
        facts = await self._store_facts()
        accounts, vault = await self._accounts()
        others, silent = _shares(await asking)
        seen = {one.name: [one] for one in self._connections(accounts, now)}
        for one in (each for share in others for each in share.connections):
            if one.name in seen:  # it may have another configuration
                seen[one.name].append(one)
        connections = [together(ones, now) for ones in seen.values()]
        sources = sources_of(hub.settings, facts, now)
        trouble = tuple(one for one in accounts if credential_state(one, now) is not None)
        problems = [one for one in (facts.problem, vault) if one is not None]
        states = [one.state for one in (*connections, *sources)]
        states += [HealthState.DOWN] if problems or hub.failure else []
        states += [HealthState.DEGRADED] if trouble else []
        me = ProcessHealth(pid=os.getpid(), role=self._role)
        return HealthReport(
            state=worst(states),
            at=now,
            pid=me.pid,
            role=me.role,
            store="; ".join(problems) or None,
            connections=tuple(connections),
            sources=sources,
            accounts=Counter(one.state for one in accounts),
            accounts_in_trouble=trouble[:_TROUBLE_MAX],
            processes=(
                me,
                *(ProcessHealth(pid=one.pid, role=one.role) for one in others),
                *(ProcessHealth(pid=pid, role="", answered=False) for pid in silent),
            ),
        )

    @property
    def _role(self) -> str:
        return "owner" if self._hub.shared.owner_pid is None else "guest"

    def _announce(self) -> None:
        self._announced = True
        self._siblings.announce()

    @staticmethod
    def _new_metrics() -> "PrometheusMetrics":
        from hardpoint.telemetry.prometheus import PrometheusMetrics

        return PrometheusMetrics()

    def _told(self, question: str) -> bytes:
        """What this process tells of itself; any thread may ask."""
        connections = self._connections((), self._hub._clock.now())
        if question == _METRICS:
            return (
                b"" if self._metrics is None else self._metrics.text(connections, role=self._role)
            )
        share = ProcessShare(pid=os.getpid(), role=self._role, connections=tuple(connections))
        return msgspec.json.encode(share)

    def _connections(
        self, accounts: Sequence[CredentialHealth], now: float
    ) -> Sequence[ConnectionHealth]:
        every = self._hub.settings.connections.values()
        return [self._connection(one, accounts, now) for one in every]

    async def health_page(self) -> tuple[int, str, bytes]:
        """The report as JSON: 503 where something is down."""
        report = await self.report()
        status = 503 if report.state is HealthState.DOWN else 200
        return status, "application/json", msgspec.json.encode(report)

    async def metrics_page(self) -> tuple[int, str, bytes]:
        """For Prometheus."""
        from hardpoint.telemetry.prometheus import CONTENT_TYPE

        return 200, CONTENT_TYPE, await self.metrics()

    async def _store_facts(self) -> StoreFacts:
        """What the store says, at most some seconds old; asked for once, whoever waits."""
        clock = self._hub._clock
        if self._known is not None and clock.monotonic() - self._known[0] < STORE_SECONDS:
            return self._known[1]
        if self._asking is None or self._asking.done():
            look = asyncio.to_thread(look_into, self._hub.reader, clock.now())
            self._asking = asyncio.ensure_future(look)
        done, _ = await asyncio.wait({self._asking}, timeout=PATIENCE_SECONDS)
        if not done:
            return msgspec.structs.replace(
                _NOTHING, problem=f"the store gave no answer in {PATIENCE_SECONDS:g} s"
            )
        facts = self._asking.result()
        self._known = clock.monotonic(), facts
        return facts

    async def _accounts(self) -> tuple[list[CredentialHealth], str | None]:
        """Connected accounts, and what is wrong with the vault."""
        hub = self._hub
        if hub.settings.identity.vault is None:
            return [], None
        try:
            found = await hub.vault.connections()
        except HardpointError as error:
            return [], f"vault: {error}"
        now = hub._clock.now()
        return [
            CredentialHealth(
                name=f"{one.connection}/{one.tenant}",
                state=one.state.value,
                age_seconds=max(0.0, now - one.since),
                expires_at=one.expires_at,
                renewed=one.refreshable,
            )
            for one in found
        ], None

    def _connection(
        self, settings: ConnectionSettings, accounts: Sequence[CredentialHealth], now: float
    ) -> ConnectionHealth:
        name, recorder = settings.name, self.recorder
        rates = recorder.rates(name)
        rate = rates.failed / rates.calls if rates.calls else None
        policy = self._hub.policy(name)
        unused = None if policy.settings.breaker is None else "closed"
        circuit = min(policy.stats().circuits.values(), key=CIRCUITS.index, default=unused)
        quota = recorder.quota(name)
        credentials = [*static_credentials(settings, now)]
        keys = {one.name for one in settings.options.values() if isinstance(one, VaultKey)}
        credentials += [one for one in accounts if one.name.partition("/")[0] in keys]
        state, reasons = connection_state(
            calls=rates.calls,
            error_rate=rate,
            circuit=circuit,
            credentials=credentials,
            now=now,
        )
        return ConnectionHealth(
            name=name,
            provider=settings.provider,
            state=state,
            reasons=reasons,
            calls=rates.calls,
            error_rate=rate,
            p95_seconds=rates.p95_seconds,
            circuit=circuit,
            quota_left=None if quota is None else quota[0],
            quota_limit=None if quota is None else quota[1],
            last_call_at=rates.last_at,
            last_error=rates.last_error,
            credentials=tuple(credentials),
        )


def _shares(answers: SiblingAnswers) -> tuple[Sequence[ProcessShare], Sequence[int]]:
    """What the others have said, and those that have said nothing that we understand."""
    shares: list[ProcessShare] = []
    silent = [*answers.silent]
    for pid, said in answers.said.items():
        try:
            shares.append(msgspec.json.decode(said, type=ProcessShare))
        except UNREADABLE:  # of another release
            silent.append(pid)
    return shares, silent


def look_into(reader: Callable[[], StoreReader], now: float) -> StoreFacts:
    """What a store says; blocking."""
    try:
        with closing(reader()) as opened:
            traffic = {one.source: one for one in opened.traffic(limit=_ARRIVALS_MAX)}
            runs = recent(opened, now)
    except StoreError as error:
        return msgspec.structs.replace(_NOTHING, problem=str(error))
    refusals: dict[str, dict[str, int]] = {}
    since: dict[str, float] = {}
    for run in runs:
        counts = refusals.setdefault(run.source, {})
        counts[run.reason] = counts.get(run.reason, 0) + run.count
        since[run.source] = min(run.first_at, since.get(run.source, run.first_at))
    return StoreFacts(traffic=traffic, refusals=refusals, refused_since=since)


def sources_of(settings: Settings, facts: StoreFacts, now: float) -> tuple[SourceHealth, ...]:
    """Every configured source."""
    return tuple(_source(name, one.provider, facts, now) for name, one in settings.webhooks.items())


def _source(name: str, vendor: str, facts: StoreFacts, now: float) -> SourceHealth:
    known = facts.traffic.get(name) or SourceTraffic(source=name)
    oldest = None if known.due_at is None else max(0.0, now - known.due_at)
    last = known.arrivals[0] if known.arrivals else None
    silence = usual_silence(known.arrivals)
    refusals = facts.refusals.get(name, {})
    state, reasons = source_state(
        refusals=refusals,
        oldest_due=oldest,
        dead=known.dead,
        last_at=last,
        usually_silent=silence,
        now=now,
    )
    span = retry_span(vendor)
    since = facts.refused_since.get(name)
    left = None if span is None or since is None else max(0.0, span - (now - since))
    return SourceHealth(
        name=name,
        provider=vendor,
        state=state,
        reasons=reasons,
        last_at=last,
        usually_silent_seconds=silence,
        waiting=known.waiting,
        oldest_due_seconds=oldest,
        dead=known.dead,
        refusals=refusals,
        vendor_gives_up_in=left,
    )


def retry_span(vendor: str) -> float | None:
    """For how long a vendor repeats what was not acknowledged; None where nobody knows."""
    return None if vendor in PROTOCOLS else provider(vendor).retries_for


def static_credentials(settings: ConnectionSettings, now: float) -> Sequence[CredentialHealth]:
    """Keys that stand in files: how old they are."""
    return [
        CredentialHealth(name=key, age_seconds=max(0.0, now - made))
        for key, secret in settings.secrets()
        if (made := _made_at(secret.reference)) is not None
    ]


def _made_at(reference: str) -> float | None:
    """When a secret's file was written; None where it is no file."""
    kind, _, path = reference.partition(":")
    try:
        return Path(path).stat().st_mtime if kind == "file" else None
    except OSError:  # whoever reads it says what is wrong
        return None


async def answer(
    made: Callable[[], Awaitable[tuple[int, str, bytes]]],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """An ASGI application of one page: what `made` gives as status, type and body."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1000})
        return
    status, kind, body = 405, "application/json", b'{"error":"method_not_allowed"}'
    if scope["method"] in {"GET", "HEAD"}:
        status, kind, body = await made()
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
