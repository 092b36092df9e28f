from itertools import product

import pytest

from hardpoint.core.errors import ConflictError, OutcomeUnknownError
from hardpoint.resilience.repetition import (
    REPEAT_CLASSES,
    Effect,
    in_doubt,
    may_repeat,
    outcome_unknown,
)

UNSENT, NOTHING, UNKNOWN, ANSWERED = Effect


def test_the_whole_table_of_operations_and_effects():
    allowed = {
        (repeat, keyed, effect)
        for repeat, keyed, effect in product(REPEAT_CLASSES, (False, True), Effect)
        if may_repeat(repeat, effect, keyed=keyed)
    }
    harmless = product(("safe", "idempotent"), (False, True), (UNSENT, NOTHING, UNKNOWN))
    assert allowed == {
        *harmless,
        ("needs_key", False, UNSENT),
        ("needs_key", False, NOTHING),
        ("needs_key", True, UNSENT),
        ("needs_key", True, NOTHING),
        ("needs_key", True, UNKNOWN),
    }


@pytest.mark.parametrize("before", [False, True])
def test_only_an_answer_settles_a_doubt(before):
    assert in_doubt(before, UNKNOWN)
    assert not in_doubt(before, ANSWERED)
    assert in_doubt(before, UNSENT) is before
    assert in_doubt(before, NOTHING) is before


def test_a_doubt_carries_the_facts_of_the_last_answer_and_its_notes():
    last = ConflictError("busy", provider="stripe", status=409, request_id="req_1")
    last.add_note("3 attempts")
    failure = outcome_unknown(last, "stripe", "create_payment")
    assert isinstance(failure, OutcomeUnknownError)
    assert str(failure) == "create_payment may have taken effect at stripe, or not; last: busy"
    assert (failure.status, failure.request_id) == (409, "req_1")
    assert failure.__notes__ == ["3 attempts"]
    assert failure.__cause__ is last


def test_a_doubt_does_not_quote_other_peoples_errors():
    assert "sk_live" not in str(outcome_unknown(ValueError("sk_live_1"), "crm"))
