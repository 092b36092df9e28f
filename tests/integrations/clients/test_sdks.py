"""Vendors' packages as they are: they raise their own exceptions; the rest is the policy's."""

import asyncio

import aiohttp
import anthropic
import httpx2
import openai
import pytest
import requests
import stripe
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as TwilioClient

from hardpoint import CircuitOpenError, OutcomeUnknownError, reason_of
from hardpoint.integrations.aiohttp import guarded as guarded_session
from hardpoint.integrations.httpx import guarded
from hardpoint.integrations.requests import GuardedAdapter

from .conftest import RESET, answer

MODELS = answer(200, {"object": "list", "data": [], "has_more": False})
MESSAGES = [{"role": "user", "content": "hello"}]


class OfOpenAI:
    unavailable = openai.InternalServerError
    refused = openai.AuthenticationError
    lost = openai.APIConnectionError
    read = MODELS
    made = answer(200, {"id": "c", "object": "chat.completion", "choices": [], "created": 1})

    def __init__(self, policy, url):
        self.http = httpx2.Client(transport=guarded(policy))
        self.client = openai.OpenAI(api_key="k", base_url=url, http_client=self.http, max_retries=0)

    def get(self):
        self.client.models.list()

    def act(self):
        self.client.chat.completions.create(model="m", messages=MESSAGES)

    def close(self):
        self.http.close()


class OfAnthropic(OfOpenAI):
    unavailable = anthropic.InternalServerError
    refused = anthropic.AuthenticationError
    lost = anthropic.APIConnectionError
    made = answer(
        200,
        {
            "id": "msg",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "m",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
    )

    def __init__(self, policy, url):
        self.http = httpx2.Client(transport=guarded(policy))
        self.client = anthropic.Anthropic(
            api_key="k", base_url=url, http_client=self.http, max_retries=0
        )

    def act(self):
        self.client.messages.create(model="m", max_tokens=1, messages=MESSAGES)


class InAsync:
    """The asynchronous client of the same vendor."""

    def get(self):
        asyncio.run(self.within(lambda client: client.models.list()))

    def close(self):
        pass


class OfAsyncOpenAI(InAsync, OfOpenAI):
    def __init__(self, policy, url):
        self.policy, self.url = policy, url

    async def within(self, call):
        async with httpx2.AsyncClient(transport=guarded(self.policy)) as http:
            await call(
                openai.AsyncOpenAI(api_key="k", base_url=self.url, http_client=http, max_retries=0)
            )

    def act(self):
        create = lambda client: client.chat.completions.create(  # noqa: E731
            model="m", messages=MESSAGES
        )
        asyncio.run(self.within(create))


class OfAsyncAnthropic(InAsync, OfAnthropic):
    def __init__(self, policy, url):
        self.policy, self.url = policy, url

    async def within(self, call):
        async with httpx2.AsyncClient(transport=guarded(self.policy)) as http:
            await call(
                anthropic.AsyncAnthropic(
                    api_key="k", base_url=self.url, http_client=http, max_retries=0
                )
            )

    def act(self):
        create = lambda client: client.messages.create(  # noqa: E731
            model="m", max_tokens=1, messages=MESSAGES
        )
        asyncio.run(self.within(create))


class OfTwilio:
    unavailable = refused = TwilioRestException
    lost = requests.ConnectionError
    read = answer(200, {"sid": "AC1"})
    made = answer(201, {"sid": "SM1", "status": "queued"})

    def __init__(self, policy, url):
        self.http = TwilioHttpClient()
        self.http.session.trust_env = False
        self.http.session.mount("http://", GuardedAdapter(policy))
        request = self.http.request
        # The package has no setting for the address.
        self.http.request = lambda method, uri, *rest, **options: request(
            method, uri.replace("https://api.twilio.com", url), *rest, **options
        )
        self.client = TwilioClient("AC1", "token", http_client=self.http)

    def get(self):
        self.client.api.accounts("AC1").fetch()

    def act(self):
        self.client.messages.create(to="+15550001", from_="+15550002", body="x")

    def close(self):
        self.http.session.close()


class OfAsyncTwilio(OfTwilio):
    lost = aiohttp.ClientConnectionError

    def __init__(self, policy, url):
        self.policy, self.url = policy, url

    def run(self, call):
        async def scenario():
            http = AsyncTwilioHttpClient(pool_connections=False)
            async with aiohttp.ClientSession(middlewares=[guarded_session(self.policy)]) as session:
                http.session = session
                request = http.request
                http.request = lambda method, uri, *rest, **options: request(
                    method, uri.replace("https://api.twilio.com", self.url), *rest, **options
                )
                await call(TwilioClient("AC1", "token", http_client=http))

        asyncio.run(scenario())

    def get(self):
        self.run(lambda client: client.api.accounts("AC1").fetch_async())

    def act(self):
        self.run(
            lambda client: client.messages.create_async(to="+15550001", from_="+15550002", body="x")
        )

    def close(self):
        pass


class OfSlack:
    unavailable = SlackApiError
    refused = SlackApiError
    lost = aiohttp.ClientConnectionError
    read = made = answer(200, {"ok": True})

    def __init__(self, policy, url):
        self.policy, self.url = policy, url

    def call(self, method):
        async def scenario():
            middleware = guarded_session(self.policy)
            async with aiohttp.ClientSession(middlewares=[middleware]) as session:
                client = AsyncWebClient("xoxb", base_url=f"{self.url}/", session=session)
                client.retry_handlers.clear()
                await method(client)

        asyncio.run(scenario())

    def get(self):
        self.call(lambda client: client.api_call("users.info", http_verb="GET"))

    def act(self):
        self.call(lambda client: client.chat_postMessage(channel="C1", text="x"))

    def close(self):
        pass


class OfStripe:
    unavailable = stripe.APIError
    refused = stripe.AuthenticationError
    lost = stripe.APIConnectionError
    read = made = answer(200, {"id": "cus_1", "object": "customer"})

    def __init__(self, policy, url):
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", GuardedAdapter(policy))
        self.client = stripe.StripeClient(
            "sk_test_x",
            base_addresses={"api": url},
            http_client=stripe.RequestsClient(session=self.session),
            max_network_retries=0,
        ).v1

    def get(self):
        self.client.customers.retrieve("cus_1")

    def act(self):
        self.client.customers.create({"name": "x"})

    def close(self):
        self.session.close()


class OfAsyncStripe(OfStripe):
    def __init__(self, policy, url):
        self.policy, self.url = policy, url

    def run(self, call):
        async def scenario():
            async with aiohttp.ClientSession(middlewares=[guarded_session(self.policy)]) as session:
                await call(
                    stripe.StripeClient(
                        "sk_test_x",
                        base_addresses={"api": self.url},
                        http_client=stripe.AIOHTTPClient(session=session),
                        max_network_retries=0,
                    ).v1.customers
                )

        asyncio.run(scenario())

    def get(self):
        self.run(lambda customers: customers.retrieve_async("cus_1"))

    def act(self):
        self.run(lambda customers: customers.create_async({"name": "x"}))

    def close(self):
        pass


# aiohttp has renamed what Twilio's package uses of it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning"),
]
KEYLESS = [
    OfOpenAI,
    OfAsyncOpenAI,
    OfAnthropic,
    OfAsyncAnthropic,
    OfTwilio,
    OfAsyncTwilio,
    OfSlack,
]


@pytest.fixture(params=[*KEYLESS, OfStripe, OfAsyncStripe], ids=lambda one: one.__name__)
def sdk(request, policy, peer):
    one = request.param(policy, peer.url)
    yield one
    one.close()


def test_an_outage_that_passes_is_survived(sdk, peer):
    peer.tells(503, 503, sdk.read)
    sdk.get()
    assert peer.sent == 3
    peer.tells(RESET, sdk.read)
    sdk.get()
    assert peer.sent == 2


def test_one_that_stays_is_its_own_exception(sdk, peer):
    peer.tells(answer(503, {"error": {"message": "busy"}}))
    with pytest.raises(sdk.unavailable):
        sdk.get()
    assert peer.sent == 3


def test_a_refusal_is_its_own_exception_and_sent_once(sdk, peer):
    peer.tells(answer(401, {"error": {"message": "who?"}}))
    with pytest.raises(sdk.refused):
        sdk.act()
    assert peer.sent == 1


def test_an_open_circuit_sends_nothing(sdk, peer, policy):
    policy.breaker.force_open()
    with pytest.raises(sdk.lost) as raised:
        sdk.act()
    assert isinstance(reason_of(raised.value), CircuitOpenError)
    assert peer.sent == 0


@pytest.mark.parametrize("kind", KEYLESS)
def test_an_action_without_a_key_is_sent_once(kind, peer, policy):
    sdk = kind(policy, peer.url)
    peer.tells(answer(503, {"error": {"message": "busy"}}), sdk.made)
    with pytest.raises(sdk.unavailable):
        sdk.act()
    assert peer.sent == 1
    peer.tells(RESET, sdk.made)
    with pytest.raises(sdk.lost) as raised:
        sdk.act()
    assert isinstance(reason_of(raised.value), OutcomeUnknownError)
    assert peer.sent == 1
    peer.tells(429, sdk.made)
    sdk.act()
    assert peer.sent == 2
    sdk.close()


@pytest.mark.parametrize("kind", [OfStripe, OfAsyncStripe])
def test_an_action_under_a_key_is_repeated_under_it(kind, peer, policy):
    sdk = kind(policy, peer.url)
    peer.tells(503, RESET, sdk.made)
    sdk.act()
    assert peer.sent == 3
    assert len({one.headers["idempotency-key"] for one in peer.asked}) == 1
    peer.tells(RESET)
    with pytest.raises(stripe.APIConnectionError) as raised:
        sdk.act()
    assert isinstance(reason_of(raised.value), OutcomeUnknownError)
    peer.tells(answer(402, {"error": {"type": "card_error", "code": "card_declined"}}))
    with pytest.raises(stripe.CardError):
        sdk.act()
    assert peer.sent == 1
    sdk.close()


@pytest.mark.parametrize("kind", [OfOpenAI, OfAnthropic])
def test_a_stream_of_events_is_handed_on(kind, peer, policy):
    event = b'event: message_start\ndata: {"type": "message_start"}\n\n'
    peer.tells(429, answer(200, event, content_type="text/event-stream"))
    sdk = kind(policy, peer.url)
    options = {"model": "m", "messages": MESSAGES, "stream": True}
    if kind is OfAnthropic:
        stream = sdk.client.messages.create(max_tokens=1, **options)
    else:
        stream = sdk.client.chat.completions.create(**options)
    assert next(iter(stream)) is not None
    assert peer.sent == 2
    stream.close()
    sdk.close()
