import socket
from itertools import product

import pytest

from hardpoint.core.errors import (
    AttemptTimeoutError,
    CircuitOpenError,
    DeclinedError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.resilience.safety import OPERATIONS, Effect, effect_of, is_refused, may_repeat

UNSENT, NOTHING, UNKNOWN, ANSWERED = Effect


@pytest.mark.parametrize(
    ("error", "effect"),
    [
        (CircuitOpenError(), UNSENT),
        (ConnectionRefusedError(), UNSENT),
        (socket.gaierror(), UNSENT),
        (UnavailableError(), NOTHING),
        (RateLimitedError(), NOTHING),
        (OutcomeUnknownError(), UNKNOWN),
        (UnavailableError(outcome_known=False), UNKNOWN),
        (AttemptTimeoutError(), UNKNOWN),
        (ConnectionResetError(), UNKNOWN),
        (TimeoutError(), UNKNOWN),
        (DeclinedError(reason="card"), ANSWERED),
        (ValueError(), ANSWERED),
    ],
)
def test_an_error_tells_what_the_attempt_did(error, effect):
    assert effect_of(error) is effect


def test_the_whole_table_of_operations_and_effects():
    allowed = {
        (operation, keyed, effect)
        for operation, keyed, effect in product(OPERATIONS, (False, True), Effect)
        if may_repeat(operation, effect, keyed=keyed)
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


def test_only_a_refused_connection_or_an_unknown_name_is_refused():
    assert is_refused(ConnectionRefusedError())
    assert is_refused(socket.gaierror())
    assert not is_refused(ConnectionAbortedError())
