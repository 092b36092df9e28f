import asyncio
import socket
from types import SimpleNamespace

import pytest

from hardpoint.core.errors import (
    CircuitOpenError,
    ConfigurationError,
    DeclinedError,
    OutcomeUnknownError,
    UnavailableError,
)
from hardpoint.resilience.selection import check_selection, predicate_of, refused, transient


class ClientError(Exception):
    """As those of HTTP clients."""

    def __init__(self, status=None):
        super().__init__()
        self.response = None if status is None else SimpleNamespace(status_code=status)


def caused(error, cause, *, explicit=True):
    try:
        try:
            raise cause
        except Exception as reason:
            if explicit:
                raise error from reason
            raise error  # noqa: B904 - implied on purpose
    except Exception as raised:
        return raised


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (UnavailableError(), True),
        (DeclinedError(reason="card"), False),
        (OutcomeUnknownError(), False),
        (CircuitOpenError(), False),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (socket.gaierror(), True),
        (ValueError(), False),
        (OSError("disk full"), False),
        *((ClientError(status), True) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((ClientError(status), False) for status in (400, 401, 404, 409, 501)),
        (caused(ClientError(), ConnectionResetError()), True),
        (caused(ClientError(), TimeoutError(), explicit=False), True),
        (caused(ClientError(), KeyError()), False),
    ],
)
def test_transient_errors_are_those_that_pass(error, passes):
    assert transient(error) is passes


def test_a_suppressed_context_is_no_cause():
    error = caused(ClientError(), TimeoutError(), explicit=False)
    error.__suppress_context__ = True
    assert not transient(error)


@pytest.mark.parametrize(
    ("error", "unsent"),
    [
        (ConnectionRefusedError(), True),
        (socket.gaierror(), True),
        (caused(ClientError(), ConnectionRefusedError()), True),
        (caused(ClientError(), ConnectionRefusedError(), explicit=False), False),
        (ConnectionResetError(), False),
        (TimeoutError(), False),
        (ValueError(), False),
    ],
)
def test_refused_errors_prove_that_nothing_was_sent(error, unsent):
    assert refused(error) is unsent


def test_a_chain_of_causes_that_never_ends_is_left():
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert not refused(first)


def test_types_predicates_and_presets_become_predicates():
    assert predicate_of(OSError)(ConnectionResetError())
    assert not predicate_of((KeyError, OSError))(ValueError())
    assert predicate_of("refused") is refused
    assert predicate_of("transient") is transient
    assert predicate_of(transient) is transient


@pytest.mark.parametrize("on", [None, OSError, (OSError, KeyError), "transient", transient])
def test_what_selects_something_is_accepted(on):
    check_selection("Retry.on", on)


@pytest.mark.parametrize(
    ("on", "problem"),
    [
        ("5xx", "Known: transient, refused"),
        (asyncio.CancelledError, "Cancellation and interrupts always pass through"),
        ((OSError, KeyboardInterrupt), "is not an Exception type"),
        ((), "is empty"),
        (429, "is not an Exception type"),
        (int, "is not an Exception type"),
        (OSError(), "is not an Exception type"),
    ],
)
def test_what_selects_nothing_sensible_is_refused(on, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        check_selection("Retry.on", on)
    assert caught.value.key == "Retry.on"
