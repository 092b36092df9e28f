"""The store against a plain model of it: whatever is done in whatever order, they agree."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hardpoint.store.driver import Completed, Outcome, Stored
from hardpoint.store.views import State

HANDLERS = ("a", "b")


@dataclass
class Job:
    """One row of unfinished work."""

    run_at: float
    fence: int = 0
    leased: bool = False
    failures: int = 0
    crashes: int = 0
    suspect: bool = False
    started: bool = False


@dataclass
class Model:
    """What the store should hold, in plain dictionaries."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[tuple[str, str], Job] = field(default_factory=dict)
    dead: dict[tuple[str, str], int] = field(default_factory=dict)
    parked: set[tuple[str, str]] = field(default_factory=set)
    attempts: dict[tuple[str, str], list[tuple[int, Outcome]]] = field(default_factory=dict)
    resolved: set[tuple[tuple[str, str], int]] = field(default_factory=set)
    """Of those attempts, what an operator has closed."""

    def accept(self, event) -> tuple[Stored, str]:
        name = (event.source, event.vendor_id, event.asserted)
        first = next(
            (one for one in self.events.values() if one["claims"] and one["name"] == name), None
        )
        if event.asserted:
            return self._accept_asserted(event, name, first)
        if first is not None:
            same = first["body"] == event.body
            return (Stored.DUPLICATE if same else Stored.CONFLICT), first["id"]
        self._keep(event, name, claims=True)
        return Stored.NEW, event.id

    def _accept_asserted(self, event, name, first) -> tuple[Stored, str]:
        by_body = next(
            (
                one
                for one in self.events.values()
                if one["claims"] and one["name"][2] and one["body"] == event.body
            ),
            None,
        )
        if first is None and by_body is None:
            self._keep(event, name, claims=True)
            return Stored.NEW, event.id
        standing = by_body or first
        if (standing["name"], standing["body"]) == (name, event.body):
            return Stored.DUPLICATE, standing["id"]
        for one in self.events.values():
            if not one["claims"] and (one["name"], one["body"]) == (name, event.body):
                return Stored.DUPLICATE, one["id"]
        self._keep(event, name, claims=False)
        return Stored.QUARANTINED, event.id

    def _keep(self, event, name, *, claims: bool) -> None:
        handlers = event.handlers if claims else ()
        self.events[event.id] = {
            "id": event.id,
            "name": name,
            "body": event.body,
            "claims": claims,
            "handlers": len(handlers),
        }
        for handler in handlers:
            job = Job(run_at=event.received_at)
            if event.lease:
                job = Job(run_at=event.received_at, fence=1, leased=True)
            self.jobs[event.id, handler] = job

    def claim(self, handlers, limit: int, now: float) -> list[tuple[str, str, int]]:
        chosen = []
        for handler in handlers:
            due = sorted(
                (job.run_at, *key)
                for key, job in self.jobs.items()
                if job.run_at <= now and key[1] == handler and not (job.suspect or job.leased)
            )
            chosen += [row[1:] for row in due[:limit]]
        return [self._lease(key) for key in chosen]

    def claim_suspect(self, handlers) -> tuple[str, str, int] | None:
        suspects = sorted(
            (job.crashes, job.run_at, *key)
            for key, job in self.jobs.items()
            if key[1] in handlers and job.suspect and not job.leased
        )
        return self._lease(suspects[0][2:]) if suspects else None

    def _lease(self, key) -> tuple[str, str, int]:
        job = self.jobs[key]
        job.leased, job.started = True, False
        job.fence += 1
        return (*key, job.fence)

    def held(self, lease) -> Job | None:
        job = self.jobs.get(lease[:2])
        return job if job is not None and job.leased and job.fence == lease[2] else None

    def complete(self, lease, outcome: Outcome, run_at: float) -> Completed:
        job = self.held(lease)
        if job is None:
            return Completed.REFUSED
        key = lease[:2]
        self.attempts.setdefault(key, []).append((lease[2], outcome))
        if outcome in {Outcome.FAILED, Outcome.DEFERRED}:
            job.run_at, job.leased, job.suspect, job.started = run_at, False, False, False
            job.failures += outcome is Outcome.FAILED
        else:
            del self.jobs[key]
            if outcome in {Outcome.DEAD, Outcome.NEEDS_RECONCILE}:
                self.dead[key] = lease[2]
                self.parked.discard(key)
            if outcome is Outcome.NEEDS_RECONCILE:
                self.parked.add(key)
        return Completed.RECORDED

    def end(self, now: float, *, crash: bool) -> None:
        for job in self.jobs.values():
            if job.leased:
                job.run_at, job.leased = now, False
                if crash:
                    job.crashes += (
                        2 if job.started and job.suspect and not job.crashes else job.started
                    )
                    job.suspect = True
                job.started = False

    def retry(self, event: str, now: float) -> int:
        made = 0
        for key, job in self.jobs.items():
            if key[0] == event and not job.leased and job.run_at > now:
                job.run_at = now
                made += 1
        for key in [key for key in self.dead if key[0] == event and key not in self.jobs]:
            self.jobs[key] = Job(run_at=now, fence=self.dead.pop(key))
            made += 1
        return made

    def replay(self, event: str, handlers, *, force: bool, now: float) -> int:
        made = 0
        for handler in handlers:
            key = (event, handler)
            done = any(outcome is Outcome.DONE for _, outcome in self.attempts.get(key, []))
            if key in self.jobs or (done and not force):
                continue
            fence = max((number for number, _ in self.attempts.get(key, [])), default=0)
            self.jobs[key] = Job(run_at=now, fence=fence)
            self.dead.pop(key, None)
            made += 1
        one = self.events[event]
        one["handlers"] = one["handlers"] or made
        return made

    def resolve(self, event: str) -> int:
        closed = [key for key in self.dead if key[0] == event]
        for key in closed:
            done = (self.dead.pop(key) + 1, Outcome.DONE)
            self.attempts.setdefault(key, []).append(done)
            self.resolved.add((key, done[0]))
        waiting = [key for key, job in self.jobs.items() if key[0] == event and not job.leased]
        for key in waiting:
            done = (self.jobs.pop(key).fence + 1, Outcome.DONE)
            self.attempts.setdefault(key, []).append(done)
            self.resolved.add((key, done[0]))
        return len(closed) + len(waiting)

    def state(self, event: str) -> str:
        one = self.events[event]
        if any(key[0] == event for key in self.jobs):
            return "pending"
        dead = {key for key in self.dead if key[0] == event}
        if dead:
            return "needs_reconcile" if dead & self.parked else "dead"
        if one["handlers"] == 0:
            return "skipped" if one["claims"] else "quarantined"
        outcomes = {o for key, ended in self.attempts.items() if key[0] == event for _, o in ended}
        latest = ((key, ended[-1][0]) for key, ended in self.attempts.items() if key[0] == event)
        if not self.resolved.isdisjoint(latest):
            return "resolved"
        skipped = Outcome.SKIPPED in outcomes and Outcome.DONE not in outcomes
        return "skipped" if skipped else "done"

    def next_due(self, handlers, now: float) -> float | None:
        times = [
            job.run_at - now
            for key, job in self.jobs.items()
            if key[1] in handlers and not job.leased
        ]
        return min(times, default=None)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to both and compares."""

    stage_of: Any = None

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.stage = self.stage_of(Path(self.folder.name))
        self.stage.limits |= {"quiet": 3_600.0}
        self.clock = self.stage.clock
        self.model = Model()
        self.given: list[tuple[str, str, int]] = []
        self.runner = asyncio.Runner()
        self.reopen()

    def reopen(self) -> None:
        self.store = self.stage.build()
        self.run(self.store.open())
        self.desk = self.stage.desk(self.store)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @rule(
        vendor_id=st.sampled_from(["1", "2", "3", "4"]),
        body=st.sampled_from([b"x", b"y"]),
        asserted=st.booleans(),
        handlers=st.sampled_from([("a",), ("a", "b"), ()]),
        lease=st.booleans(),
    )
    def accept(self, vendor_id, body, asserted, handlers, lease):
        event = self.stage.make(vendor_id, body, asserted=asserted, handlers=handlers, lease=lease)

        async def accept():
            return await self.desk.submit(event)

        answer = self.run(accept())
        assert (answer.stored, answer.id) == self.model.accept(event)
        if answer.stored is Stored.NEW and lease:
            self.given += [(event.id, handler, 1) for handler in handlers]

    @precondition(lambda self: self.model.jobs)
    @rule(handlers=st.sampled_from([HANDLERS, ("a",), ("b",)]), limit=st.integers(1, 4))
    def claim(self, handlers, limit):
        claimed = self.run(self.desk.claim(limit, lanes=handlers))
        assert self.noted(claimed) == self.model.claim(handlers, limit, self.clock.now())

    @precondition(lambda self: any(job.suspect for job in self.model.jobs.values()))
    @rule(handlers=st.sampled_from([HANDLERS, ("b",)]))
    def claim_suspect(self, handlers):
        claimed = self.run(self.desk.suspect(handlers=handlers))
        expected = self.model.claim_suspect(handlers)
        assert self.noted([] if claimed is None else [claimed]) == [expected] * bool(expected)

    def noted(self, claimed: Any) -> list[tuple[str, str, int]]:
        """The names of what was claimed; checked once the model has claimed it too."""
        names = [(lease.event.id, lease.handler, lease.fence) for lease in claimed]
        for lease, name in zip(claimed, names, strict=True):
            job = self.model.jobs[name[:2]]
            assert (lease.failures, lease.crashes, lease.suspect) == (
                job.failures,
                job.crashes,
                job.suspect,
            )
            assert lease.event.body == self.model.events[name[0]]["body"]
        self.given += names
        return names

    def some_lease(self, data: Any) -> tuple[str, str, int]:
        """One that was given at some time: mostly good still, at times long lost."""
        held = [lease for lease in self.given if self.model.held(lease)]
        late = data.draw(st.integers(0, 4)) == 4
        return data.draw(st.sampled_from(self.given if late or not held else held))

    def named(self, lease: tuple[str, str, int]):
        made = self.desk.lease_of(self.stage.make("?", id=lease[0]))
        return type(made)(event=made.event, handler=lease[1], lane=lease[1], fence=lease[2])

    @precondition(lambda self: self.given)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(list(Outcome)),
        delay=st.sampled_from([0.0, 30.0]),
    )
    def complete(self, data, outcome, delay):
        lease, run_at = self.some_lease(data), self.clock.now() + delay
        ended = self.run(self.desk.complete(self.named(lease), outcome, retry_in=delay))
        assert ended is self.model.complete(lease, outcome, run_at)

    # The heart of it is drawn more often than the rest.
    claim_more, claim_most = claim, claim
    complete_more, complete_most = complete, complete

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def mark_started(self, data):
        lease = self.some_lease(data)
        job = self.model.held(lease)
        assert self.run(self.store.mark_started(self.named(lease))) == (job is not None)
        if job is not None:
            job.started = True

    @precondition(lambda self: any(job.leased for job in self.model.jobs.values()))
    @rule()
    def release_all(self):
        self.run(self.store.release_all())
        for job in self.model.jobs.values():
            if job.leased:
                job.run_at, job.leased, job.started = self.clock.now(), False, False

    @rule(seconds=st.sampled_from([1.0, 29.0, 61.0]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @precondition(lambda self: self.model.events)
    @rule(data=st.data())
    def retry(self, data):
        event = data.draw(st.sampled_from(sorted(self.model.events)))
        assert self.run(self.store.retry(event)) == self.model.retry(event, self.clock.now())

    @precondition(lambda self: self.model.events)
    @rule(data=st.data(), handlers=st.sampled_from([HANDLERS, ("a",)]), force=st.booleans())
    def replay(self, data, handlers, force):
        event = data.draw(st.sampled_from(sorted(self.model.events)))
        made = self.run(self.store.replay(event, handlers, force=force))
        assert made == self.model.replay(event, handlers, force=force, now=self.clock.now())

    @precondition(lambda self: self.model.dead or self.model.jobs)
    @rule(data=st.data())
    def resolve(self, data):
        ours = {event for event, _ in (*self.model.dead, *self.model.jobs)}
        event = data.draw(st.sampled_from(sorted(ours)))
        assert self.run(self.store.resolve(event, note="seen to")) == self.model.resolve(event)

    @precondition(lambda self: any(job.leased for job in self.model.jobs.values()))
    @rule(crash=st.booleans())
    def restart(self, crash):
        before = self.store
        if crash:
            self.stage.crash()
        self.run(before.close())
        self.model.end(self.clock.now(), crash=crash)
        self.reopen()

    @invariant()
    def they_agree_on_what_is_next(self):
        for handlers in (("a",), HANDLERS):
            found = self.run(self.store.next_due(handlers))
            assert found == self.model.next_due(handlers, self.clock.now())

    @invariant()
    def they_agree_on_every_state(self):
        reader = self.desk.look()
        rows = {row.id: row.state for row in reader.events(limit=1_000)}
        counts = reader.counts()
        reader.close()
        assert rows == {event: self.model.state(event) for event in self.model.events}
        for state in State:
            assert counts[state] == sum(found == state for found in rows.values())

    def teardown(self):
        if hasattr(self, "store"):
            self.run(self.store.close())
            self.runner.close()
            self.folder.cleanup()


def test_the_store_does_what_its_model_does(stage):
    class Machine(StoreMachine):
        stage_of = staticmethod(type(stage))

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
