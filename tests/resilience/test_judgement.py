import pytest

from hardpoint.core.errors import (
    AttemptTimeoutError,
    CircuitOpenError,
    ConfigurationError,
    DeclinedError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.circuit import Outcome
from hardpoint.resilience.events import OptionFailed
from hardpoint.resilience.judgement import Facts, Judgement
from hardpoint.resilience.retry import Retry


def judge(retry=None, breaker=None, listeners=None, **facts):
    return Judgement("crm", Facts(**facts), retry, breaker, listeners or Listeners())


def raises(_about):
    raise LookupError


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (CircuitOpenError(), None, Outcome.NEUTRAL),
        (AttemptTimeoutError(), None, Outcome.FAILURE),
        (UnavailableError(), 503, Outcome.FAILURE),
        (OutcomeUnknownError(), None, Outcome.FAILURE),
        (RateLimitedError(), 429, Outcome.NEUTRAL),
        (DeclinedError(reason="card"), 402, Outcome.NEUTRAL),
        (ValueError(), None, Outcome.FAILURE),
        (ValueError(), 429, Outcome.NEUTRAL),
        (ValueError(), 500, Outcome.FAILURE),
    ],
)
def test_by_default_a_breaker_counts_what_is_no_answer(error, status, outcome):
    assert judge(breaker=Breaker()).outcome(error, status) is outcome


def test_only_chosen_errors_count_if_some_were_chosen():
    judgement = judge(breaker=Breaker(on=OSError))
    assert judgement.outcome(ConnectionResetError(), None) is Outcome.FAILURE
    assert judgement.outcome(ValueError(), None) is Outcome.NEUTRAL
    assert judgement.outcome(AttemptTimeoutError(), None) is Outcome.FAILURE
    assert judgement.outcome(CircuitOpenError(), None) is Outcome.NEUTRAL


def test_a_result_may_count_as_a_failure():
    judgement = judge(breaker=Breaker(on_result=lambda result: result == "bad"))
    assert judgement.outcome_of_result("bad") is Outcome.FAILURE
    assert judgement.outcome_of_result("good") is Outcome.SUCCESS
    assert judge(breaker=Breaker()).outcome_of_result("bad") is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("error", "facts", "again"),
    [
        (UnavailableError(), {}, True),
        (ConnectionRefusedError(), {}, True),
        (ConnectionResetError(), {}, False),
        (ValueError(), {}, False),
        (DeclinedError(reason="card"), {}, False),
        (UnavailableError(outcome_known=False), {}, False),
        (UnavailableError(outcome_known=False), {"idempotent": True}, True),
        (UnavailableError(outcome_known=False), {"keyed": True}, True),
        (ConnectionResetError(), {"idempotent": True}, True),
        (OutcomeUnknownError(), {"keyed": True}, True),
        (ValueError(), {"idempotent": True}, False),
        (DeclinedError(reason="card"), {"idempotent": True}, False),
        (AttemptTimeoutError(), {}, False),
        (AttemptTimeoutError(), {"idempotent": True}, True),
        (AttemptTimeoutError(), {"keyed": True}, True),
        (AttemptTimeoutError(), {"operation": "safe"}, True),
        (AttemptTimeoutError(), {"operation": "needs_key"}, False),
        (UnavailableError(), {"operation": "never"}, False),
    ],
)
def test_by_default_only_what_did_nothing_or_does_no_harm_is_repeated(error, facts, again):
    assert judge(Retry(), **facts).repeatable(error) is again


def test_choosing_errors_is_consent_but_not_for_our_own_timeout():
    for on in (OSError, (OSError, KeyError), lambda error: isinstance(error, OSError)):
        assert judge(Retry(on=on)).repeatable(ConnectionResetError())
        assert not judge(Retry(on=on)).repeatable(ValueError())
        assert not judge(Retry(on=on)).repeatable(AttemptTimeoutError())
        assert judge(Retry(on=on), idempotent=True).repeatable(AttemptTimeoutError())


def test_a_decline_and_a_wrong_set_up_are_never_repeated_nor_counted_whatever_was_chosen():
    judgement = judge(Retry(on=Exception), Breaker(on=Exception), idempotent=True)
    for error in (DeclinedError(reason="card"), ConfigurationError("key", "is missing")):
        assert not judgement.repeatable(error)
        assert judgement.outcome(error, None) is Outcome.NEUTRAL


def test_an_operation_decides_by_facts_whatever_was_chosen():
    judgement = judge(Retry(on=ValueError), operation="safe")
    assert not judgement.repeatable(ValueError())
    assert judgement.repeatable(ConnectionResetError())


def test_a_result_is_asked_for_again_if_its_predicate_says_so():
    retry = Retry(on_result=lambda result: result is None)
    assert judge(retry).result_repeatable(None)
    assert not judge(retry).result_repeatable(0)
    assert not judge(Retry()).result_repeatable(None)
    assert not judge(retry, operation="never").result_repeatable(None)


def test_a_predicate_that_raises_is_taken_for_a_no_and_told(listeners, heard):
    judgement = judge(
        Retry(on=raises, on_result=raises), Breaker(on=raises, on_result=raises), listeners
    )
    assert not judgement.repeatable(ValueError())
    assert not judgement.result_repeatable("result")
    assert judgement.outcome(ValueError(), None) is Outcome.NEUTRAL
    assert judgement.outcome_of_result("result") is Outcome.SUCCESS
    options = ["Retry.on", "Retry.on_result", "Breaker.on", "Breaker.on_result"]
    assert heard == [OptionFailed("crm", None, option, "LookupError") for option in options]


def test_a_predicate_that_raises_unheard_changes_nothing_either():
    assert not judge(Retry(on=raises)).repeatable(ValueError())


def test_only_what_changes_something_has_an_outcome_in_doubt():
    mutating = {operation: Facts(operation).mutating for operation in ("safe", "idempotent")}
    assert mutating == {"safe": False, "idempotent": True}
    assert not Facts().mutating
