"""The simulation: the same story each time, and what the policies promise about load."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from bench.simulate import STRATEGIES, History, World, simulate
from bench.simulate.__main__ import main
from bench.simulate.curves import as_text
from bench.simulate.report import as_table
from bench.simulate.strategies import BUDGET

from hardpoint import ConfigurationError

ROOT = Path(__file__).parents[2]

WORLD = World(clients=10, end=40, fails=8, back=16, seed=7)


@pytest.fixture(scope="module")
def histories() -> dict[str, History]:
    return {name: simulate(name, make(WORLD), WORLD) for name, make in STRATEGIES.items()}


@pytest.mark.parametrize("strategy", ["retries, budget", "policy"])
def test_a_budget_bounds_the_load_whatever_fails(histories, strategy) -> None:
    calls = sum(histories[strategy].calls)
    free = WORLD.clients * (BUDGET.capacity + BUDGET.floor * WORLD.end)
    assert histories[strategy].amplification <= 1 + BUDGET.ratio + free / calls


def test_a_breaker_takes_load_away_from_a_server_that_hangs(histories) -> None:
    outage = slice(int(WORLD.fails) + 2, int(WORLD.back))
    assert sum(histories["policy"].requests[outage]) < 0.2 * sum(
        histories["timeout only"].requests[outage]
    )
    assert histories["policy"].amplification < 1


def test_plain_retries_multiply_the_load_and_keep_the_server_down(histories) -> None:
    plain, ours = histories["plain retries"], histories["policy"]
    assert plain.amplification > 2.5
    assert plain.recovery(WORLD) is None
    assert plain.success() < ours.success() / 2
    recovery = ours.recovery(WORLD)
    assert recovery is not None
    assert recovery <= 10


def test_on_good_days_retries_hide_the_mishaps(histories) -> None:
    calm = int(WORLD.fails)
    assert histories["timeout only"].success(calm) < 0.998
    assert histories["policy"].success(calm) > 0.998


def test_all_strategies_answer_the_same_calls(histories) -> None:
    assert len({tuple(history.calls) for history in histories.values()}) == 1


def test_the_same_seed_tells_the_same_story_and_another_one_another() -> None:
    world = World(clients=5, end=30, fails=5, back=10, seed=3)
    other = World(clients=5, end=30, fails=5, back=10, seed=4)
    protect = STRATEGIES["policy"]
    first = simulate("policy", protect(world), world)
    assert simulate("policy", protect(world), world) == first
    assert simulate("policy", protect(other), other) != first


def test_a_server_that_never_serves_again_has_no_recovery() -> None:
    history = History("none", [10] * 30, [10] * 10 + [0] * 20, [10] * 30, 0)
    world = World(end=30, fails=10, back=20)
    assert history.recovery(world) is None
    assert "not until the end" in as_table([history], world)


def test_recovery_is_counted_from_the_servers_return() -> None:
    history = History("some", [10] * 30, [10] * 10 + [0] * 13 + [10] * 7, [10] * 30, 0)
    assert history.recovery(World(end=30, fails=10, back=20)) == 3


def test_a_curve_is_drawn_by_the_scale_of_the_highest() -> None:
    world = World(end=4, fails=1, back=2, capacity=40)
    high = History("high", [1] * 4, [1] * 4, [80, 40, 28, 0], 0)
    lines = as_text([high], world).splitlines()
    assert lines[0] == "high: requests per second"
    assert lines[1] == "   80 |#"
    assert lines[5] == "      |##.."
    assert lines[6] == "      |##:"
    assert lines[-1].startswith("        xo")


def test_the_command_prints_a_table_and_curves_and_writes_a_picture(capsys, tmp_path) -> None:
    picture = tmp_path / "outage.svg"
    main(["--clients", "4", "--seed", "2", "--end", "41", "--plot", str(picture)])
    said = capsys.readouterr().out
    for name in STRATEGIES:
        assert f"\n{name}" in said
    svg = ET.fromstring(picture.read_text())
    curves = [element for element in svg if element.tag.endswith("polyline")]
    assert len(curves) == len(STRATEGIES)


def test_the_command_prints_json_on_request() -> None:
    command = [sys.executable, "-m", "bench.simulate", "--clients", "4"]
    command += ["--end", "41", "--json"]
    said = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    assert (said["seed"], said["clients"]) == (1, 4)
    assert [one["strategy"] for one in said["strategies"]] == list(STRATEGIES)


def test_a_world_without_clients_or_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="clients"):
        World(clients=0)
    with pytest.raises(ConfigurationError, match="end: comes after"):
        World(end=30)
