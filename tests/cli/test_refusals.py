import asyncio
from pathlib import Path
from typing import Any

import pytest

from hardpoint.store.driver import Refusals
from hardpoint.store.sqlite import SqliteStore
from hardpoint.testing.clock import ManualClock


@pytest.fixture
def refused(config: Path, clock: ManualClock) -> None:
    """A secret was rotated ten minutes ago, and somebody scans us."""
    minute = int(clock.now()) // 60

    async def fill() -> None:
        store = SqliteStore(config.parent / "hardpoint.db", clock=clock)
        await store.open()
        await store.refuse(
            [
                *(Refusals("billing", "signature_mismatch", minute - n, 20) for n in range(10)),
                Refusals("(unknown)", "unknown_source", minute, 7),
                Refusals("code", "stale_timestamp", minute - 300, 1),
            ]
        )
        await store.close()

    asyncio.run(fill())


def test_refusals_are_listed_with_their_beginning_and_what_to_do(cli: Any, refused: None) -> None:
    run = cli("refusals")

    lines = run.out.splitlines()
    assert lines[0].split() == ["SOURCE", "REASON", "COUNT", "SINCE", "LAST", "NEXT"]
    (billing,) = [line for line in lines if line.startswith("billing")]
    assert "signature_mismatch" in billing
    assert " 200 " in billing
    assert "  2023-11-14T22:13Z  " in billing  # whole minutes: no seconds that nobody counted
    assert "may have been rotated" in billing
    assert any(line.startswith("(unknown)") for line in lines)


def test_refusals_as_json(cli: Any, refused: None, clock: ManualClock) -> None:
    minute = int(clock.now()) // 60
    found = cli("refusals", "--json").data["refusals"]

    assert {
        "source": "billing",
        "reason": "signature_mismatch",
        "count": 200,
        "first_at": (minute - 9) * 60.0,
        "last_at": minute * 60.0,
    } in found


def test_one_looks_back_as_far_as_one_says(cli: Any, refused: None) -> None:
    sources = {one["source"] for one in cli("refusals", "--hours=1", "--json").data["refusals"]}

    assert sources == {"billing", "(unknown)"}


def test_without_a_store_there_is_nothing_to_list(cli: Any, config: Path) -> None:
    run = cli("refusals")

    assert (run.code, "does not exist" in run.err) == (4, True)


def test_doctor_says_what_is_refused_now_and_what_to_type(cli: Any, refused: None) -> None:
    findings = {one["check"]: one for one in cli("doctor", "--json").data["findings"]}

    found = findings["refusals of billing"]
    assert found["result"] == "warn"
    assert "200 refused since" in found["detail"]
    assert found["fix"] == "hardpoint refusals"
    assert "refusals of code" not in findings
    assert "refusals of (unknown)" not in findings
