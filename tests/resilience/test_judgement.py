from types import SimpleNamespace

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
from hardpoint.resilience.circuit import CircuitOutcome
from hardpoint.resilience.events import ErrorNotJudged, OptionFailed
from hardpoint.resilience.judgement import CallFacts, Judgement
from hardpoint.resilience.recognition import Verdict
from hardpoint.resilience.repetition import Effect
from hardpoint.resilience.retry import Retry


class Judge:
    """A judgement that finds the verdicts itself."""

    def __init__(self, judgement):
        self.judgement = judgement

    def outcome(self, error, status):
        return self.judgement.outcome(error, status, self.judgement.verdict(error))

    def outcome_of_result(self, result):
        verdict = self.judgement.verdict_on_result(result)
        return self.judgement.outcome_of_result(result, verdict)

    def repeatable(self, error):
        return self.judgement.repeatable(error, self.judgement.verdict(error))

    def result_repeatable(self, result):
        return self.judgement.result_repeatable(result, self.judgement.verdict_on_result(result))


def judge(retry=None, breaker=None, listeners=None, **facts):
    listeners = Listeners() if listeners is None else listeners
    return Judge(Judgement("crm", CallFacts(**facts), retry, breaker, listeners))


def raises(_about):
    raise LookupError


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (CircuitOpenError(), None, CircuitOutcome.NEUTRAL),
        (AttemptTimeoutError(), None, CircuitOutcome.FAILURE),
        (UnavailableError(), 503, CircuitOutcome.FAILURE),
        (OutcomeUnknownError(), None, CircuitOutcome.FAILURE),
        (RateLimitedError(), 429, CircuitOutcome.NEUTRAL),
        (DeclinedError(reason="card"), 402, CircuitOutcome.NEUTRAL),
        (ValueError(), None, CircuitOutcome.FAILURE),
        (ValueError(), 429, CircuitOutcome.NEUTRAL),
        (ValueError(), 500, CircuitOutcome.FAILURE),
    ],
)
def test_by_default_a_breaker_counts_what_is_no_answer(error, status, outcome):
    assert judge(breaker=Breaker()).outcome(error, status) is outcome


def test_only_chosen_errors_count_if_some_were_chosen():
    judgement = judge(breaker=Breaker(on=OSError))
    assert judgement.outcome(ConnectionResetError(), None) is CircuitOutcome.FAILURE
    assert judgement.outcome(ValueError(), None) is CircuitOutcome.NEUTRAL
    assert judgement.outcome(AttemptTimeoutError(), None) is CircuitOutcome.FAILURE
    assert judgement.outcome(CircuitOpenError(), None) is CircuitOutcome.NEUTRAL


def test_a_result_may_count_as_a_failure():
    judgement = judge(breaker=Breaker(on_result=lambda result: result == "bad"))
    assert judgement.outcome_of_result("bad") is CircuitOutcome.FAILURE
    assert judgement.outcome_of_result("good") is CircuitOutcome.SUCCESS
    assert judge(breaker=Breaker()).outcome_of_result("bad") is CircuitOutcome.SUCCESS


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
        (AttemptTimeoutError(), {"repeat": "safe"}, True),
        (AttemptTimeoutError(), {"repeat": "needs_key"}, False),
        (UnavailableError(), {"repeat": "never"}, False),
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
        assert judgement.outcome(error, None) is CircuitOutcome.NEUTRAL


def test_a_class_decides_by_facts_and_a_choice_consents_for_what_nobody_knows():
    for repeat, allowed in (("safe", True), ("needs_key", False)):
        judgement = judge(Retry(on=ValueError), repeat=repeat)
        assert judgement.repeatable(ValueError()) is allowed
        assert not judgement.repeatable(KeyError())
        assert judgement.repeatable(ConnectionRefusedError())


def test_an_answer_never_counts_by_its_status_and_an_outage_does():
    judgement = judge(breaker=Breaker())
    counted = {status: judgement.outcome(ValueError(), status) for status in (402, 404, 408, 500)}
    assert counted == {
        402: CircuitOutcome.NEUTRAL,
        404: CircuitOutcome.NEUTRAL,
        408: CircuitOutcome.FAILURE,
        500: CircuitOutcome.FAILURE,
    }


def result(status):
    return SimpleNamespace(status_code=status)


@pytest.mark.parametrize(
    ("status", "facts", "again"),
    [
        (503, {}, True),
        (503, {"repeat": "safe"}, True),
        (503, {"repeat": "needs_key"}, False),
        (503, {"repeat": "needs_key", "keyed": True}, True),
        (429, {"repeat": "needs_key"}, True),
        (429, {"repeat": "never"}, False),
        (200, {"repeat": "needs_key"}, False),
        (200, {"repeat": "idempotent"}, True),
        (404, {"repeat": "idempotent"}, False),
        (None, {"repeat": "needs_key"}, False),
    ],
)
def test_a_result_obeys_the_class_of_the_operation(status, facts, again):
    judgement = judge(Retry(on_result=lambda _: True), **facts)
    assert judgement.result_repeatable(result(status)) is again


def test_what_the_user_says_of_an_error_goes_before_everything_else():
    final, again = Verdict(retry=False), Verdict(retry=True)
    outage = Verdict(effect=Effect.UNKNOWN, counts=True)
    assert not judge(Retry(), classify=lambda _: final).repeatable(ConnectionRefusedError())
    assert judge(Retry(), classify=lambda _: again).repeatable(ValueError())
    assert judge(Retry(), classify=lambda _: again, repeat="safe").repeatable(ValueError())
    assert not judge(Retry(), classify=lambda _: again, repeat="never").repeatable(ValueError())
    assert judge(Retry(), classify=lambda _: None).repeatable(ConnectionRefusedError())
    watching = judge(classify=lambda _: outage, breaker=Breaker())
    assert watching.outcome(DeclinedError(reason="card"), None) is CircuitOutcome.NEUTRAL
    assert watching.outcome(KeyError(), 404) is CircuitOutcome.FAILURE
    assert watching.outcome_of_result("bad") is CircuitOutcome.FAILURE
    assert judge(Retry(), classify=lambda _: again).result_repeatable("bad")


def test_an_error_that_nobody_judges_is_told_once_for_its_class(listeners, heard):
    for facts in ({}, {"repeat": "idempotent"}):
        heard.clear()
        judgement = judge(Retry(), listeners=listeners, **facts)
        for error in (KeyError(), KeyError(), ConnectionResetError()):
            judgement.repeatable(error)
        assert heard == [ErrorNotJudged("crm", None, "builtins.KeyError")]
        assert heard[0].severity == "warning"


def test_a_result_is_asked_for_again_if_its_predicate_says_so():
    retry = Retry(on_result=lambda result: result is None)
    assert judge(retry).result_repeatable(None)
    assert not judge(retry).result_repeatable(0)
    assert not judge(Retry()).result_repeatable(None)
    assert not judge(retry, repeat="never").result_repeatable(None)


def test_a_predicate_that_raises_is_taken_for_a_no_and_told(listeners, heard):
    judgement = judge(
        Retry(on=raises, on_result=raises),
        Breaker(on=raises, on_result=raises),
        listeners,
        classify=raises,
    )
    assert not judgement.repeatable(ValueError())
    assert not judgement.result_repeatable("result")
    assert judgement.outcome(ValueError(), None) is CircuitOutcome.NEUTRAL
    assert judgement.outcome_of_result("result") is CircuitOutcome.SUCCESS
    options = ["Retry.on", "Retry.on_result", "Breaker.on", "Breaker.on_result"]
    told = [event for event in heard if event.option != "classify"]
    assert told == [OptionFailed("crm", None, option, "LookupError") for option in options]
    assert len(heard) == 8


def test_a_predicate_that_raises_unheard_changes_nothing_either():
    assert not judge(Retry(on=raises)).repeatable(ValueError())


def test_only_what_changes_something_has_an_outcome_in_doubt():
    mutating = {repeat: CallFacts(repeat).mutating for repeat in ("safe", "idempotent")}
    assert mutating == {"safe": False, "idempotent": True}
    assert not CallFacts().mutating
