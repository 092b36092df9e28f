"""Which ways to a database are taken."""

import traceback

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.store.postgres.address import checked_address


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///shop",
        "postgresql://shop@/shop?host=/run/postgresql",
        "postgresql://localhost/shop",
        "postgresql://shop:secret@127.0.0.7:6432/shop",
        "postgresql://[::1]/shop",
        "postgresql://db.localhost/shop",
        "postgresql://db.example,db2.example/shop?sslmode=verify-full",
        "postgresql:///shop?host=db.example&sslmode=verify-full",
        "postgresql://shop:a%40%2F%23,%3F%25@localhost:5433/shop?host=@abstract",
    ],
)
def test_this_machine_and_names_that_are_checked_are_taken(monkeypatch, url):
    monkeypatch.delenv("PGHOST", raising=False)
    assert checked_address(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:secret@db.example/shop",
        "postgresql://localhost,db.example/shop",
        "postgresql://10.0.0.5/shop?sslmode=require",
        "postgresql:///shop?host=db.example",
        "postgresql://localhost/shop?host=db.example",
    ],
)
def test_elsewhere_the_server_s_name_has_to_be_checked(url):
    with pytest.raises(ConfigurationError, match="without TLS that checks") as caught:
        checked_address(url)
    assert "verify-full" in str(caught.value.fix)
    assert "secret" not in str(caught.value)


def test_what_the_environment_names_counts(monkeypatch):
    monkeypatch.setenv("PGHOST", "db.example")
    with pytest.raises(ConfigurationError, match=r"leads to db\.example"):
        checked_address("postgresql:///shop")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert checked_address("postgresql:///shop") == "postgresql:///shop"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://[::1/shop",
        "postgresql://shop:se/cret@127.0.0.1/shop",
        "postgresql://shop:12/cret@127.0.0.1/shop",
        "postgresql://shop:12?cret@127.0.0.1/shop",
        "postgresql://shop:12#cret@127.0.0.1/shop",
        "postgresql://shop:se@cret@127.0.0.1/shop",
        "postgresql://shop:12@se/cret@127.0.0.1/shop",
        "postgresql://shop:se[cret@127.0.0.1/shop",
        "postgresql://shop:cret%@127.0.0.1/shop",
        "postgresql://shop:cret%00@127.0.0.1/shop",
        "postgresql://shop:cret@127.0.0.1:port/shop",
        "postgresql://shop:cret@127.0.0.1/shop\n",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_without_a_word_of_it(url):
    with pytest.raises(ConfigurationError, match="not a URL that can be read") as caught:
        checked_address(url)
    assert "%40" in str(caught.value.fix)
    told = "".join(traceback.format_exception(caught.value))
    assert "cret" not in told
