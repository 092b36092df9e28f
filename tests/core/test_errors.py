import copy
import pickle

import pytest

from hardpoint.core import errors
from hardpoint.core.errors import (
    AttemptTimeoutError,
    CircuitOpenError,
    ConfigurationError,
    DeclinedError,
    HardpointError,
    OutcomeUnknownError,
    ProviderError,
    RateLimitedError,
    RejectedError,
    StoreUnavailableError,
    TimedOutError,
    TokenRefreshError,
    UnavailableError,
    WebhookError,
)

EVERY_ERROR = sorted(
    (value for value in vars(errors).values() if isinstance(value, type)),
    key=lambda cls: cls.__name__,
)


def built(cls: type[HardpointError]) -> HardpointError:
    if cls is ConfigurationError:
        return ConfigurationError("webhooks.billing.secrets[0]", "is empty", fix="Name one")
    if cls is DeclinedError:
        return DeclinedError(reason="insufficient_funds", soft=True, provider="acme")
    if issubclass(cls, RejectedError):
        return cls("catalogue", "eu", 2.5, "5 failures")
    if issubclass(cls, TimedOutError):
        return cls(policy="catalogue", key="eu", seconds=5)
    return cls()


@pytest.mark.parametrize("cls", EVERY_ERROR)
def test_every_error_is_one_of_ours_and_drawn_in_the_tree(cls: type) -> None:
    assert issubclass(cls, HardpointError)
    assert cls.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("cls", EVERY_ERROR)
def test_every_error_survives_pickling_and_copying_with_its_facts(cls: type) -> None:
    error = built(cls)
    error.add_note("3 attempts in 4.2 s")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is cls
        assert str(again) == str(error)
        assert vars(again) == vars(error)
        assert again.args == error.args
        assert again.retry_after == error.retry_after


@pytest.mark.parametrize("cls", [ProviderError, TimedOutError, WebhookError])
def test_an_error_without_words_says_its_docstrings_first_line(cls: type) -> None:
    assert str(cls()) == cls.__doc__.partition("\n")[0]
    assert str(cls("just this")) == "just this"


def test_a_class_without_a_docstring_says_its_name() -> None:
    class BareError(HardpointError):
        pass

    assert str(BareError()) == "BareError"


def test_a_configuration_error_names_the_key_the_problem_and_the_fix() -> None:
    error = ConfigurationError("policy.timeout", "is negative", fix="Write seconds above 0")
    assert str(error) == "policy.timeout: is negative. Write seconds above 0"
    assert (error.key, error.problem, error.fix) == (
        "policy.timeout",
        "is negative",
        "Write seconds above 0",
    )
    assert str(ConfigurationError("a", "is empty")) == "a: is empty"


def test_a_provider_error_keeps_what_support_asks_for() -> None:
    error = UnavailableError(
        "down",
        provider="acme",
        operation="create_payment",
        status=503,
        vendor_code="overloaded",
        request_id="req_1",
        retry_after=2.5,
    )
    assert (error.provider, error.operation, error.status) == ("acme", "create_payment", 503)
    assert (error.vendor_code, error.request_id, error.retry_after) == ("overloaded", "req_1", 2.5)
    assert error.code == "unavailable"


def test_policies_read_attributes_that_one_error_may_set_otherwise_than_its_class() -> None:
    assert RateLimitedError().retryable
    assert UnavailableError().outcome_known
    assert not OutcomeUnknownError().outcome_known
    assert TokenRefreshError().retryable
    assert not UnavailableError(retryable=False).retryable
    assert not UnavailableError(outcome_known=False).outcome_known
    assert UnavailableError.retryable, "the class is untouched"


def test_a_decline_is_an_answer_and_never_retryable() -> None:
    error = DeclinedError(reason="insufficient_funds", soft=True, provider="acme")
    assert (error.reason, error.soft, error.provider) == ("insufficient_funds", True, "acme")
    assert not error.retryable
    assert error.outcome_known


def test_a_time_out_is_also_pythons_own() -> None:
    with pytest.raises(TimeoutError):
        raise AttemptTimeoutError


def test_an_unavailable_store_says_when_to_come_back() -> None:
    assert StoreUnavailableError().retry_after == 5.0
    assert StoreUnavailableError("full", retry_after=1).retry_after == 1


def test_each_provider_error_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in EVERY_ERROR if issubclass(cls, ProviderError)]
    assert len(codes) == len(set(codes))


def test_each_webhook_error_has_a_reason_of_its_own() -> None:
    reasons = [cls.reason for cls in EVERY_ERROR if issubclass(cls, WebhookError)]
    assert len(reasons) == len(set(reasons))


def test_a_rejection_says_which_policy_refused_why_and_until_when() -> None:
    error = CircuitOpenError("catalogue", "eu", 12.34567, "5 of 5 failed")
    assert str(error) == (
        "catalogue[eu]: The circuit is open; nothing was sent; 5 of 5 failed; try again in 12.3 s"
    )
    assert str(CircuitOpenError("catalogue")) == (
        "catalogue: The circuit is open; nothing was sent"
    )
    assert str(CircuitOpenError()) == "The circuit is open; nothing was sent"


def test_a_time_out_says_which_policy_and_how_long_it_had() -> None:
    error = AttemptTimeoutError(policy="catalogue", key="eu", seconds=5)
    assert str(error).startswith("catalogue[eu]: One attempt took longer")
    assert str(error).endswith("It had 5 s.")
    assert not error.outcome_known
    assert str(TimedOutError("late")) == "late"
