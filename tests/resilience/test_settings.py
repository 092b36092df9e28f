from math import inf, nan

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.settings import PolicySettings, preset_options
from hardpoint.resilience.state import Keyed

NO_DURATIONS = (0, -1, nan, inf, "5", True, 10**400)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        *(({"deadline": bad}, "crm.deadline") for bad in NO_DURATIONS),
        *(({"timeout": bad}, "crm.timeout") for bad in NO_DURATIONS),
        ({"timeout": 11, "deadline": 10}, "crm.timeout"),
        ({"retry": 3}, "crm.retry"),
        ({"breaker": Retry()}, "crm.breaker"),
        ({"rate": 50}, "crm.rate"),
        ({"bulkhead": 40}, "crm.bulkhead"),
        ({"critical": 0}, "crm.critical"),
        ({"idempotent": "yes"}, "crm.idempotent"),
        ({"classify": "yes"}, "crm.classify"),
        ({"repeat": "safe", "idempotent": True}, "crm.idempotent"),
        ({"idempotency_key": 5}, "crm.idempotency_key"),
        ({"idempotency_key": "Idempotency-Key"}, "crm.idempotency_key"),
        ({"listeners": print}, "crm.listeners"),
        ({"repeat": "sometimes"}, "crm.repeat"),
        ({"key": "host"}, "Keyed.by"),
        ({"preset": "many_retries"}, "preset"),
        ({"retries": Retry()}, "crm.retries"),
    ],
)
def test_a_senseless_or_contradictory_option_is_refused_by_its_name(options, key):
    with pytest.raises(ConfigurationError) as caught:
        Policy("crm", **options)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("name", "key"), [("", "Policy.name"), (None, "Policy.name"), (5, "5.name")]
)
def test_a_policy_has_a_name(name, key):
    with pytest.raises(ConfigurationError) as caught:
        Policy(name)
    assert caught.value.key == key


def test_a_derived_policy_is_checked_alike():
    policy = Policy("crm", deadline=10)
    for changes in ({"timeout": 11}, {"name": "other"}, {"speed": 1}):
        with pytest.raises(ConfigurationError):
            policy.with_(**changes)


def test_the_timeout_may_be_the_whole_deadline():
    assert PolicySettings(name="crm", timeout=5, deadline=5).timeout == 5


def test_a_function_is_a_key_with_the_usual_bounds():
    def host(url):
        return url

    assert PolicySettings(name="crm", key=host).keyed == Keyed(host)
    assert PolicySettings(name="crm", key=Keyed(host, limit=3)).keyed == Keyed(host, limit=3)
    assert PolicySettings(name="crm").keyed is None


def test_what_is_said_beside_a_preset_takes_precedence():
    settings = PolicySettings(name="crm").changed(
        {"preset": "two_retries", "timeout": 3, "retry": None}
    )
    assert (settings.timeout, settings.retry, settings.breaker.failures) == (3, None, 5)


def test_a_change_keeps_everything_else():
    rate, bulkhead, breaker = RateLimit(5), Bulkhead(5), Breaker()
    settings = PolicySettings(name="crm", rate=rate, bulkhead=bulkhead, breaker=breaker, deadline=9)
    changed = settings.changed({"deadline": None, "preset": None})
    assert changed == PolicySettings(name="crm", rate=rate, bulkhead=bulkhead, breaker=breaker)


@pytest.mark.parametrize(
    ("preset", "waits"),
    [
        ("no_retry", []),
        ("two_retries", [1, 2]),
        ("four_retries", [1, 2, 4, 8]),
        ("five_retries", [1, 2, 4, 8, 16]),
    ],
)
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_a_preset_waits_as_documented(clock, preset, waits, chance):
    policy = Policy(
        "crm", preset=preset, clock=clock, random=lambda: chance, breaker=None, idempotent=True
    )
    calls = []

    def fail():
        calls.append(clock.monotonic())
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        policy.call(fail)
    assert clock.waits == pytest.approx([wait + chance for wait in waits])
    assert len(calls) == len(waits) + 1


def test_presets_open_after_five_failures_for_a_minute_and_give_an_attempt_ten_seconds():
    for preset in ("no_retry", "two_retries", "four_retries", "five_retries"):
        options = preset_options(preset)
        assert options["timeout"] == 10
        assert (options["breaker"].in_a_row, options["breaker"].recovery) == (5, 60)


def test_a_preset_waits_as_long_as_a_retry_after_asks_but_not_for_a_year(clock):
    policy = Policy("crm", preset="two_retries", clock=clock, random=lambda: 0.0)
    for asked, waits in (("30", [31, 32]), ("31536000", [])):

        def fail(asked=asked):
            error = ConnectionRefusedError()
            error.retry_after = asked
            raise error

        clock.waits.clear()
        with pytest.raises(ConnectionRefusedError):
            policy.call(fail)
        assert clock.waits == pytest.approx(waits)
