"""Credentials that are renewed, and those that a way of proof does not take."""

from dataclasses import dataclass

import pytest

import hardpoint.sync
from hardpoint.calls.connection import Connection
from hardpoint.calls.pace import BUCKETS_MAX, Pace
from hardpoint.clients import RestClient, RestDriver, RestSettings, link
from hardpoint.clients.rest.fake import FakeRest
from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    RateLimitedError,
)
from hardpoint.fakes.messages import FakeReply
from hardpoint.http.quotas import QuotaNews
from hardpoint.resilience.recognition import Quota


class Account:
    """An account of a vault, whose token is renewed when it was refused."""

    def __init__(self, renews=True):
        self.token = 1
        self._renews = renews

    async def headers(self):
        return (("authorization", f"Bearer t{self.token}"),)

    async def rejected(self, headers):
        self.token += self._renews

    def permits(self, host):
        return True

    def secrets(self):
        return (f"t{self.token}",)


def second_token(request):
    good = request.headers["authorization"] == "Bearer t2"
    return FakeReply.json({"ok": good}, 200 if good else 401)


@pytest.mark.parametrize("auth", ["oauth", "bearer", "basic"])
def test_a_401_renews_the_account_once_and_is_asked_again(api, auth):
    api.fake.on("* /deals", second_token)
    crm = api.client(auth=auth, key=Account(), attempts=1)
    assert api.do(crm.post("/deals", json={}, into=dict)) == {"ok": True}
    assert api.server.requests == 2


def test_credentials_that_stay_the_same_are_not_tried_again(api):
    api.fake.on("* /deals", second_token)
    crm = api.client(auth="oauth", key=Account(renews=False), attempts=1)
    assert type(api.fails(crm.get, "/deals")) is AuthenticationError
    assert api.server.requests == 1


def test_a_stream_that_is_refused_has_them_renewed_once(api):
    api.fake.on("* /deals", second_token)
    account = Account()
    crm = api.client(auth="oauth", key=account, attempts=1)

    def opened():
        stream = crm.stream("GET", "/deals")
        if hasattr(stream, "__aenter__"):

            async def status():
                async with stream as body:
                    return body.status

            return api.do(status())
        with stream as body:
            return body.status

    assert opened() == 200
    assert (account.token, api.server.requests) == (2, 2)
    api.fake.on("* /deals", {}, status=401)
    with pytest.raises(AuthenticationError):
        opened()
    assert api.server.requests == 4


@pytest.mark.parametrize("auth", ["header", "hmac", "sigv4", "rfc9421", "oauth1"])
def test_what_signs_needs_a_secret_of_its_own(auth):
    with pytest.raises(ConfigurationError, match="an account of the vault"):
        RestSettings(
            base_url="https://api.example", auth=auth, key=Account(), user="me", header="X"
        )


def test_a_stream_needs_no_policy(mode, api):
    api.fake.on("GET /a", {"a": 1})
    driver = RestDriver(mode.transport(), RestSettings(base_url=api.server.url, auth="none"))
    plain = mode.port(
        RestClient(driver, Connection("crm", mode.runtime)), hardpoint.sync.RestClient
    )
    stream = plain.stream("GET", "/a")
    if hasattr(stream, "__aenter__"):

        async def read():
            async with stream as body:
                return b"".join([one async for one in body])

        assert mode.do(read()) == b'{"a":1}'
    else:
        with stream as body:
            assert b"".join(body) == b'{"a":1}'


def test_only_so_many_limits_are_known(api):
    connection = Connection("crm", api.mode.runtime, clock=api.clock)
    pace = Pace(connection.policy, api.clock, "api")
    news = [QuotaNews(Quota(remaining=0, reset_in=60.0), f"b{n}") for n in range(BUCKETS_MAX + 1)]
    for number, one in enumerate(news):
        pace.heed(f"GET /{number}", one)
    pace.check("GET /0")  # forgotten
    with pytest.raises(RateLimitedError):
        pace.check(f"GET /{BUCKETS_MAX}")


class Odd:
    """Nobody knows how to read it."""


@dataclass
class Deal:
    odd: Odd
    again: "list[Deal] | None" = None


@dataclass
class Lost:
    it: "NobodyHasDefinedIt"  # noqa: F821


@pytest.mark.parametrize("into", [Odd, Deal, list[Deal], dict[str, Odd], Lost, int | list | dict])
def test_a_type_that_nobody_can_read_is_refused_before_anything_is_sent(api, into):
    if into == int | list | dict:  # which can be read
        api.fake.on("GET /a", {"a": 1})
        assert api.do(api.client().get("/a", into=into)) == {"a": 1}
        return
    for verb in ("get", "post"):
        error = api.fails(getattr(api.client(), verb), "/a", into=into)
        assert (type(error), error.field) == (InvalidRequestError, "into")
    with pytest.raises(InvalidRequestError):
        api.client().pages("/a", into=list[into], page=link())
    assert api.server.requests == 0


def test_the_fake_is_an_app():
    assert FakeRest().name == "rest"
