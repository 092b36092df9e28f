"""Other people's clients and SDKs, bare and with a policy beneath; imported where a row is made."""

from collections.abc import Callable
from typing import Any

from bench.outbound.contenders import (
    BENEATH,
    CONTENDERS,
    HEADERS,
    INTENT,
    PAYMENTS,
    SENDER,
    TEXT,
    TO,
    TOKEN,
    Call,
    contender,
)
from bench.outbound.official import PARAMETERS, stripe_client, twilio_client
from hardpoint import Breaker, Budget, Policy, Retry

__all__ = ["CONTENDERS"]

QUESTION: Any = [{"role": "user", "content": "hello"}]
Under = Policy[Any] | None
Make = Callable[[str, Under], Call]


def policy() -> Policy[Any]:
    return Policy(
        "beneath",
        deadline=30,
        timeout=10,
        retry=Retry(4, budget=Budget(ratio=0.2)),
        breaker=Breaker(failures=5, recovery=60),
    )


def pair(name: str, mode: Any) -> Callable[[Make], Make]:
    """Two rows: the client as it is, and with a policy beneath it."""

    def declare(make: Make) -> Make:
        task = f"{BENEATH}{name}"
        contender(task, mode, "bare", name)(lambda url: make(url, None))
        contender(task, mode, "ours", f"{name}, under a policy")(lambda url: make(url, policy()))
        return make

    return declare


def transported(library: Any, kind: str, under: Under) -> Any:
    """A client of httpx or httpx2."""
    from hardpoint.integrations.httpx import guarded

    return getattr(library, kind)(**({} if under is None else {"transport": guarded(under)}))


def session(under: Under) -> Any:
    import requests

    from hardpoint.integrations.requests import GuardedAdapter

    made = requests.Session()
    made.trust_env = False
    if under is not None:
        made.mount("http://", GuardedAdapter(under))
    return made


def aiohttp_session(under: Under) -> Any:
    import aiohttp

    from hardpoint.integrations.aiohttp import guarded

    return aiohttp.ClientSession(middlewares=[] if under is None else [guarded(under)])


def getting(library: Any, url: str, under: Under) -> Call:
    client = transported(library, "Client", under)
    return lambda: client.get(f"{url}{PAYMENTS}/{INTENT}", headers=HEADERS).json()["id"]


def getting_async(library: Any, url: str, under: Under) -> Call:
    client = transported(library, "AsyncClient", under)

    async def call() -> str:
        return (await client.get(f"{url}{PAYMENTS}/{INTENT}", headers=HEADERS)).json()["id"]

    return call


@pair("httpx", "blocking")
def by_httpx(url: str, under: Under) -> Call:
    import httpx

    return getting(httpx, url, under)


@pair("httpx2", "blocking")
def by_httpx2(url: str, under: Under) -> Call:
    import httpx2

    return getting(httpx2, url, under)


@pair("httpx", "async")
def by_httpx_async(url: str, under: Under) -> Call:
    import httpx

    return getting_async(httpx, url, under)


@pair("httpx2", "async")
def by_httpx2_async(url: str, under: Under) -> Call:
    import httpx2

    return getting_async(httpx2, url, under)


@pair("requests", "blocking")
def by_requests(url: str, under: Under) -> Call:
    client = session(under)
    return lambda: client.get(f"{url}{PAYMENTS}/{INTENT}", headers=HEADERS).json()["id"]


@pair("aiohttp", "async")
def by_aiohttp(url: str, under: Under) -> Call:
    client = None

    async def call() -> str:
        nonlocal client
        client = client or aiohttp_session(under)  # it wants a running loop
        async with client.get(f"{url}{PAYMENTS}/{INTENT}", headers=HEADERS) as reply:
            return (await reply.json())["id"]

    return call


@pair("boto3", "blocking")
def by_boto3(url: str, under: Under) -> Call:
    import boto3
    from botocore.config import Config

    from hardpoint.integrations.botocore import guard

    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    client = boto3.client(
        "s3",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="AKIA",
        aws_secret_access_key="secret",
        config=config,
    )
    client = client if under is None else guard(client, under)

    def call() -> bytes:
        body = client.get_object(Bucket="bench", Key="k")["Body"]
        return body.read()

    return call


@pair("stripe (requests)", "blocking")
def by_stripe(url: str, under: Under) -> Call:
    import stripe

    http = stripe.RequestsClient(session=session(under))
    client = stripe_client(url, http_client=http, max_network_retries=0)
    return lambda: client.payment_intents.create(PARAMETERS).id


@pair("twilio (requests)", "blocking")
def by_twilio(url: str, under: Under) -> Call:
    from twilio.http.http_client import TwilioHttpClient

    http = TwilioHttpClient()
    http.session = session(under)
    client = twilio_client(url, http)
    return lambda: client.messages.create(to=TO, from_=SENDER, body=TEXT).sid


@pair("stripe (aiohttp)", "async")
def by_stripe_async(url: str, under: Under) -> Call:
    client = None

    async def call() -> str:
        nonlocal client
        if client is None:
            import stripe

            http = stripe.AIOHTTPClient(session=aiohttp_session(under))
            client = stripe_client(url, http_client=http, max_network_retries=0)
        return (await client.payment_intents.create_async(PARAMETERS)).id

    return call


@pair("twilio (aiohttp)", "async")
def by_twilio_async(url: str, under: Under) -> Call:
    client = None

    async def call() -> str:
        nonlocal client
        if client is None:
            from twilio.http.async_http_client import AsyncTwilioHttpClient

            http = AsyncTwilioHttpClient(pool_connections=False)
            http.session = aiohttp_session(under)
            client = twilio_client(url, http)
        return (await client.messages.create_async(to=TO, from_=SENDER, body=TEXT)).sid

    return call


@pair("openai (httpx2)", "blocking")
def by_openai(url: str, under: Under) -> Call:
    import httpx2
    import openai

    http = transported(httpx2, "Client", under)
    client = openai.OpenAI(api_key=TOKEN, base_url=f"{url}/v1", http_client=http, max_retries=0)
    return lambda: client.chat.completions.create(model="m", messages=QUESTION).id


@pair("openai (httpx2)", "async")
def by_openai_async(url: str, under: Under) -> Call:
    import httpx2
    import openai

    http = transported(httpx2, "AsyncClient", under)
    client = openai.AsyncOpenAI(
        api_key=TOKEN, base_url=f"{url}/v1", http_client=http, max_retries=0
    )

    async def call() -> str:
        return (await client.chat.completions.create(model="m", messages=QUESTION)).id

    return call


@pair("anthropic (httpx2)", "blocking")
def by_anthropic(url: str, under: Under) -> Call:
    import anthropic
    import httpx2

    http = transported(httpx2, "Client", under)
    headers = {"authorization": TOKEN}
    client = anthropic.Anthropic(
        api_key=TOKEN, base_url=url, http_client=http, max_retries=0, default_headers=headers
    )
    return lambda: client.messages.create(model="m", max_tokens=1, messages=QUESTION).id


@pair("anthropic (httpx2)", "async")
def by_anthropic_async(url: str, under: Under) -> Call:
    import anthropic
    import httpx2

    http = transported(httpx2, "AsyncClient", under)
    headers = {"authorization": TOKEN}
    client = anthropic.AsyncAnthropic(
        api_key=TOKEN, base_url=url, http_client=http, max_retries=0, default_headers=headers
    )

    async def call() -> str:
        return (await client.messages.create(model="m", max_tokens=1, messages=QUESTION)).id

    return call


@pair("slack_sdk (aiohttp)", "async")
def by_slack(url: str, under: Under) -> Call:
    client = None

    async def call() -> str:
        nonlocal client
        if client is None:
            from slack_sdk.web.async_client import AsyncWebClient

            http = aiohttp_session(under)
            client = AsyncWebClient(TOKEN, base_url=f"{url}/", session=http)
            client.retry_handlers.clear()
        return (await client.chat_postMessage(channel="C1", text=TEXT))["ts"]

    return call
