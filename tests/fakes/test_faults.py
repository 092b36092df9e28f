import pytest

from hardpoint.fakes.faults import (
    Break,
    Faults,
    bad_json,
    commit_then_drop,
    hang,
    html_500,
    latency,
    rate_limit,
    reset,
    status,
    truncate,
)


@pytest.mark.parametrize(
    ("fault", "acts", "breaks", "answered"),
    [
        (latency(1), True, None, None),
        (status(503), False, None, 503),
        (rate_limit("5"), False, None, 429),
        (reset("connect"), False, Break.CONNECT, None),
        (reset("headers"), False, Break.HEADERS, None),
        (reset("mid_body"), True, Break.MID_BODY, None),
        (hang(), False, Break.HANG, None),
        (truncate(), True, Break.TRUNCATE, None),
        (bad_json(), True, None, 200),
        (html_500(), False, None, 500),
        (commit_then_drop(), True, Break.HEADERS, None),
    ],
)
def test_each_fault_says_whether_the_vendor_acts(fault, acts, breaks, answered):
    assert (fault.acts, fault.breaks) == (acts, breaks)
    assert (fault.reply.status if fault.reply else None) == answered


def test_a_rate_limit_names_a_time_or_none():
    assert ("retry-after", "5") in rate_limit("5").reply.headers
    assert "retry-after" not in dict(rate_limit().reply.headers)


def test_an_unknown_reset_is_refused():
    with pytest.raises(ValueError, match="lunch"):
        reset("lunch")


def test_what_is_planned_happens_in_order_and_as_often_as_said():
    faults = Faults()
    faults.next(status(500), times=2)
    faults.next(status(429))
    taken = [faults.take("GET", "/") for _ in range(4)]
    assert [one.reply.status if one else None for one in taken] == [500, 500, 429, None]


def test_what_is_planned_waits_for_a_request_that_matches():
    faults = Faults()
    faults.next(status(500), on="POST /v1/things*")
    assert faults.take("GET", "/v1/things") is None
    assert faults.take("POST", "/v1/other") is None
    assert faults.take("POST", "/v1/things/1").reply.status == 500


def test_a_reset_connection_is_taken_when_connecting_only():
    faults = Faults()
    faults.next(reset("connect"))
    assert faults.take("GET", "/") is None
    assert faults.connecting()
    assert not faults.connecting()


def test_chance_is_repeatable_by_its_seed():
    def draw(seed):
        faults = Faults(seed)
        faults.sometimes(0.5, status(500), on="GET *")
        return [faults.take("GET", "/") is not None for _ in range(50)]

    assert draw(1) == draw(1) != draw(2)
    assert 5 < sum(draw(1)) < 45


def test_chance_strikes_what_matches_only():
    faults = Faults()
    faults.sometimes(1.0, status(500), on="POST *")
    assert faults.take("GET", "/") is None


def test_a_cleared_plan_is_empty():
    faults = Faults()
    faults.next(status(500))
    faults.sometimes(1.0, status(500))
    faults.clear()
    assert faults.take("GET", "/") is None
