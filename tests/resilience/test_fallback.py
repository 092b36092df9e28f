from hardpoint.resilience.options import Degraded, fallback_of


def test_a_critical_policy_without_a_fallback_has_none():
    assert fallback_of(None, critical=True, policy="crm") is None


def test_a_value_takes_the_place_of_the_error():
    assert fallback_of([1], critical=True, policy="crm")(ValueError(), (), {}) == [1]
    assert fallback_of(0, critical=True, policy="crm")(ValueError(), (), {}) == 0


def test_a_function_is_given_the_error_and_the_arguments():
    def substitute(error, *args, **kwargs):
        return (error, args, kwargs)

    error = ValueError()
    given = fallback_of(substitute, critical=False, policy="crm")
    assert given(error, (1, 2), {"a": 3}) == (error, (1, 2), {"a": 3})


def test_a_policy_that_is_not_critical_answers_degraded_which_is_false():
    answer = fallback_of(None, critical=False, policy="crm")(ConnectionResetError("secret"), (), {})
    assert answer == Degraded("ConnectionResetError", "crm")
    assert not answer
    assert "secret" not in repr(answer)
