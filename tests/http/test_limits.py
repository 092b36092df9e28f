from math import inf

import pytest

from hardpoint.core.errors import ConfigurationError, DeadlineTooShortError
from hardpoint.http.limits import Bounds, Limits, checked_url

LIMITS = Limits(timeout=10.0, connect_timeout=5.0)


@pytest.mark.parametrize(
    ("own", "remaining", "bounds"),
    [
        (None, None, Bounds(5.0, 10.0, inf)),
        (2.0, None, Bounds(2.0, 2.0, inf)),
        (60.0, None, Bounds(5.0, 10.0, inf)),
        (None, 3.0, Bounds(3.0, 10.0, 3.0)),
        (None, 60.0, Bounds(5.0, 10.0, 60.0)),
        (2.0, 1.0, Bounds(1.0, 2.0, 1.0)),
    ],
)
def test_the_least_of_all_limits_counts(own, remaining, bounds):
    assert LIMITS.bounds(own, remaining) == bounds


def test_an_exchange_is_bounded_by_the_limit_and_by_the_deadline():
    limits = Limits(exchange=4.0)
    assert limits.bounds(None, None).whole == 4.0
    assert limits.bounds(None, 3.0).whole == 3.0
    assert limits.bounds(None, 5.0).whole == 4.0


@pytest.mark.parametrize("remaining", [0.0, -1.0])
def test_without_time_left_nothing_is_tried(remaining):
    with pytest.raises(DeadlineTooShortError):
        LIMITS.bounds(None, remaining)


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


@pytest.mark.parametrize("host", ["localhost", "shop.localhost", "127.0.0.1", "[::1]"])
def test_this_machine_may_be_asked_in_plain_http(host):
    assert checked_url(f"http://{host}:8000/x", key="k") == f"http://{host}:8000/x"


@pytest.mark.parametrize("host", ["localhost.example", "notlocalhost", "shop.localhost.example"])
def test_what_only_looks_like_it_may_not(host):
    with pytest.raises(ConfigurationError):
        checked_url(f"http://{host}/", key="k")
