import pytest

from hardpoint.core.errors import ConfigurationError, DeadlineTooShortError
from hardpoint.http.limits import Limits, checked_url

LIMITS = Limits(timeout=10.0, connect_timeout=5.0)


def steps(connect, read):
    return {"connect": connect, "pool": connect, "read": read, "write": read}


@pytest.mark.parametrize(
    ("own", "remaining", "connect", "read"),
    [
        (None, None, 5.0, 10.0),
        (2.0, None, 2.0, 2.0),
        (60.0, None, 5.0, 10.0),
        (None, 3.0, 3.0, 3.0),
        (None, 60.0, 5.0, 10.0),
        (2.0, 1.0, 1.0, 1.0),
    ],
)
def test_the_least_of_all_limits_counts(own, remaining, connect, read):
    assert LIMITS.timeouts(own, remaining) == steps(connect, read)


@pytest.mark.parametrize("remaining", [0.0, -1.0])
def test_without_time_left_nothing_is_tried(remaining):
    with pytest.raises(DeadlineTooShortError):
        LIMITS.timeouts(None, remaining)


@pytest.mark.parametrize(
    "url", ["https://api.example/v1", "http://127.0.0.1:1", "http://localhost", "http://[::1]:80/a"]
)
def test_https_and_loopback_are_sent_to(url):
    assert checked_url(url, key="url") == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://api.example", "is not https"),
        ("https://u:p@api.example", "holds credentials"),
        ("https://[::1", "is not a URL"),
        ("https://a:b", "is not a URL"),
        ("https://größe.example", "is not a URL"),
        ("https://a b", "is not a URL"),
        ("https://a\n", "is not a URL"),
        ("ftp://a", "is not an http"),
        ("https:///path", "is not an http"),
        ("", "is not an http"),
    ],
)
def test_other_addresses_are_refused_by_the_settings_name(url, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        checked_url(url, key="billing.base_url")
    assert caught.value.key == "billing.base_url"
