"""Faults and chaos in words."""

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes import faults
from hardpoint.fakes.emitter import ORDERLY, Chaos
from hardpoint.fakes.faults import Faults
from hardpoint.fakes.orders import WORDS, chaos_of, fault_of


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("latency=0.2", faults.latency(0.2)),
        ("status=503", faults.status(503)),
        ("rate_limit", faults.rate_limit()),
        ("rate_limit=5", faults.rate_limit("5")),
        ("reset=mid_body", faults.reset("mid_body")),
        ("hang", faults.hang()),
        ("truncate", faults.truncate()),
        ("bad_json", faults.bad_json()),
        ("html_500", faults.html_500()),
        (" commit_then_drop ", faults.commit_then_drop()),
    ],
)
def test_every_fault_has_a_word(text, fault):
    order = fault_of(text)
    assert (order.fault, order.times, order.on, order.chance) == (fault, 1, "*", None)


@pytest.mark.parametrize("word", WORDS)
def test_a_fault_is_told_of_by_its_word(word):
    value = {"latency": "=1", "status": "=500", "reset": "=headers"}.get(word, "")
    assert fault_of(word + value).fault.name == word


def test_an_order_says_how_often_and_to_whom():
    plan = Faults()
    fault_of("status=503,times=2,on=POST /v1/*").place(plan)
    requests = [("GET", "/v1/a"), ("POST", "/v1/a"), ("POST", "/v1/b"), ("POST", "/v1/c")]
    assert [plan.take(*one) is not None for one in requests] == [False, True, True, False]


def test_an_order_may_leave_it_to_chance():
    plan = Faults(seed=1)
    fault_of("status=503,chance=0.5,on=POST *").place(plan)
    struck = [plan.take("POST", "/") is not None for _ in range(40)]
    assert 5 < sum(struck) < 35
    assert plan.take("GET", "/") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no fault. Known: latency, status"),
        ("statu=503", "'statu' is no fault"),
        ("status", "'status' needs a value. Write status=CODE"),
        ("status=x", "'status' does not take 'x'. Write status=CODE"),
        ("status=99", "'status' does not take '99'"),
        ("latency=-1", "'latency' does not take '-1'. Write latency=SECONDS"),
        ("latency=inf", "'latency' does not take 'inf'"),
        ("reset=hang", "'reset' does not take 'hang'. Write reset=connect|headers|mid_body"),
        ("rate_limit=", "'rate_limit' does not take ''. Write rate_limit=RETRY_AFTER"),
        ("rate_limit=a\nb", "'rate_limit' does not take"),
        ("hang=1", "'hang' takes no value. Write hang"),
        ("hang,times=0", "'times' does not take '0'. Write times=N"),
        ("hang,times", "'times' needs a value. Write times=N"),
        ("hang,chance=2", "'chance' does not take '2'. Write chance=P"),
        ("hang,often=2", "'often' is not known here. Known: times, on, chance"),
        ("hang,times=2,times=3", "'times' stands twice. Keep one"),
        ("hang,times=2,chance=0.1", "'times' and chance exclude each other. Keep one"),
    ],
)
def test_what_orders_no_fault_is_refused_with_what_to_write(text, said):
    with pytest.raises(ConfigurationError) as caught:
        fault_of(text)
    assert f"{caught.value.key} {caught.value.problem}. {caught.value.fix}".startswith(said)


def test_chaos_in_words():
    assert chaos_of("") == ORDERLY
    assert chaos_of("duplicates=2,shuffled,late=600,forged,share=0.5", seed=7) == Chaos(
        duplicates=2, shuffled=True, late=600.0, forged=True, share=0.5, seed=7
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shuffled=yes", "takes no value"),
        ("duplicates", "needs a value"),
        ("share=1.5", "does not take '1.5'"),
        ("twice", "is not known here"),
    ],
)
def test_what_orders_no_chaos_is_refused(text, said):
    with pytest.raises(ConfigurationError) as caught:
        chaos_of(text)
    assert caught.value.problem == said
