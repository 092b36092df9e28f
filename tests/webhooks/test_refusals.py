from types import SimpleNamespace

import pytest

from hardpoint.store.views import RefusedRun
from hardpoint.webhooks.refusals import recent, told

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC


def run(**changes):
    facts = {
        "source": "billing",
        "reason": "signature_mismatch",
        "count": 214,
        "first_at": NOW - 5 * 3600 - 50 * 60,
        "last_at": NOW - 60,
    }
    return RefusedRun(**(facts | changes))


def test_a_run_is_told_in_one_line_with_its_beginning():
    assert told(run(), NOW) == "billing: 214 refused since 02:10 UTC, signature_mismatch"


def test_a_run_that_began_on_another_day_is_told_with_the_day():
    assert "since 2027-01-14 08:00 UTC" in told(run(first_at=NOW - 86_400), NOW)


@pytest.mark.parametrize(
    ("one", "goes_on"),
    [
        (run(), True),
        (run(last_at=NOW - 3700), False),
        (run(source="(unknown)", reason="unknown_source"), False),
        (run(source="(unknown)", reason="connections"), True),
    ],
    ids=["now", "over", "whoever scans the internet", "too many connections"],
)
def test_only_what_goes_on_and_can_be_mended_is_worth_an_alarm(one, goes_on):
    asked = []
    reader = SimpleNamespace(refused=lambda *, since: asked.append(since) or [one])

    assert bool(recent(reader, NOW)) is goes_on
    assert asked == [NOW - 86_400]
