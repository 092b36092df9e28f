"""The judge is judged: verdicts, the moved clock, the table, and libraries that are not there."""

import datetime as dt
import json
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from bench.peers import table, wallclock
from bench.peers.library import Boom, Guard, Library, Mode
from bench.peers.scenarios import SCENARIOS
from bench.peers.trial import Trial
from bench.peers.verdict import merged, not_applicable, right, wrong


class Unguarded(Library):
    """Offers everything and does nothing: a scenario that lets it pass would prove nothing."""

    name = "unguarded"
    distributions = ()
    packages = ()
    rejected = Boom

    def breakers(self, mode: Mode, *, failures: int, recovery: float):
        yield "", self._nothing()

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        return self._nothing()

    @staticmethod
    def _nothing() -> Guard:
        return lambda function: function


def _verdict(name: str, library: Library):
    return next(scenario for scenario in SCENARIOS if scenario.name == name).verdict(library)


@pytest.mark.parametrize(
    "name",
    [
        "half_open_stampede",
        "unlisted_exception",
        "stale_result",
        "async_shapes",
        "generators",
        "attempts_counted",
    ],
)
def test_a_library_that_does_nothing_is_found_wrong(name: str) -> None:
    assert _verdict(name, Unguarded()).mark == "wrong"


@pytest.mark.parametrize("name", ["timeout_rules", "leaked_slots", "shared_state", "reports"])
def test_what_a_library_does_not_offer_is_not_held_against_it(name: str) -> None:
    assert _verdict(name, Unguarded()).mark == "not applicable"


def test_one_wrong_mode_makes_the_verdict_wrong_and_is_named() -> None:
    assert merged({"async": right(), "sync": wrong("late")}) == wrong("sync: late")
    assert merged({"async": wrong("late"), "sync": wrong("late")}) == wrong("late")
    assert merged({"async": right("1"), "sync": not_applicable("no sync mode")}) == right("1")
    assert merged({"async": not_applicable("no breaker")}).mark == "not applicable"


def test_the_moved_wall_clock_is_seen_by_the_package_and_by_nobody_else_afterwards() -> None:
    package = ModuleType("moved_package")
    package.datetime = dt.datetime
    sys.modules["moved_package"] = package
    true = time.time
    try:
        with wallclock.moved(7200, ("moved_package",)):
            assert time.time() > true() + 7000
            for zone in (None, dt.UTC):
                ahead = package.datetime.now(zone) - dt.datetime.now(zone)
                assert ahead > dt.timedelta(hours=1)
        assert time.time is true
        assert package.datetime is dt.datetime
    finally:
        del sys.modules["moved_package"]


def test_a_service_held_open_lets_nobody_out_before_its_gate_opens() -> None:
    async def scenario() -> None:
        trial = Trial(Unguarded(), "sync")
        service = trial.service()
        gate = service.holds()
        crowd = await trial.crowd(service.function, 3, service)
        assert (service.inside, crowd.outcomes) == (3, [])
        gate.set()
        assert await crowd.finish() == ["ok"] * 3

    with pytest.raises(StopIteration):
        scenario().send(None)


def test_the_page_counts_names_the_faults_and_the_libraries_that_are_missing() -> None:
    verdicts = {scenario.number: right() for scenario in SCENARIOS} | {1: wrong("100 of 100")}
    results = {"some": ("1.2", verdicts)}
    page = table.as_page(results, ["other (install other)"])
    assert "| | *yes* | 18 |" in page
    assert "| | *no* | 1 |" in page
    assert "- some: 100 of 100" in page
    assert "Not installed, not run: other (install other)." in page
    assert "WRONG" in table.as_text(results)
    assert json.loads(table.as_json(results))["some"]["verdicts"]["1"]["mark"] == "wrong"


def test_a_library_that_hangs_counts_as_wrong() -> None:
    assert "did not end" in table.as_page({"some": ("1.2", {})}, [])


def test_the_published_page_has_every_scenario_and_nothing_of_ours_is_wrong() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "peers.md").read_text()
    for scenario in SCENARIOS:
        sign = "-" if scenario.name == "shared_state" else "yes"
        assert f"| {scenario.number} | {scenario.title} | {sign} |" in page
    assert "| | *no* | 0 |" in page
    assert "| # | a correct library | hardpoint |" in page
