"""The vendors' own packages, in the modes they have. They are imported where a row is made."""

from typing import Any

from bench.outbound.contenders import (
    ACCOUNT,
    CONTENDERS,
    INTENT,
    KEY,
    MAIL,
    MAIL_KEY,
    SENDER,
    TEXT,
    TO,
    TOKEN,
    Call,
    contender,
)

__all__ = ["CONTENDERS"]

PARAMETERS: dict[str, Any] = {
    "amount": 1999,
    "currency": "eur",
    "capture_method": "automatic",
    "description": "A book",
    "metadata": {"plan": "yearly", "reference": "order-1"},
    "payment_method": "pm_card_visa",
    "confirm": True,
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "expand": ["latest_charge"],
}


def stripe_client(url: str, **options: Any) -> Any:
    import stripe

    return stripe.StripeClient(KEY, base_addresses={"api": url}, **options).v1


def stripe_async(url: str) -> Any:
    import stripe

    return stripe_client(url, http_client=stripe.AIOHTTPClient())


@contender("create a payment", "async", "SDK", "stripe (aiohttp)")
def create_async(url: str) -> Call:
    client = None

    async def call() -> str:
        nonlocal client
        client = client or stripe_async(url)  # aiohttp wants a running loop
        return (await client.payment_intents.create_async(PARAMETERS)).id

    return call


@contender("create a payment", "blocking", "SDK", "stripe (requests)")
def create(url: str) -> Call:
    client = stripe_client(url)
    return lambda: client.payment_intents.create(PARAMETERS).id


@contender("get a payment", "async", "SDK", "stripe (aiohttp)")
def get_async(url: str) -> Call:
    client = None

    async def call() -> str:
        nonlocal client
        client = client or stripe_async(url)
        expand: Any = {"expand": ["latest_charge"]}
        return (await client.payment_intents.retrieve_async(INTENT, expand)).id

    return call


def twilio_client(url: str, http: Any) -> Any:
    """The package has no setting for the address; its own client of HTTP is turned there."""
    from twilio.rest import Client

    request = http.request

    def elsewhere(method: str, uri: str, *rest: Any, **options: Any) -> Any:
        return request(method, uri.replace("https://api.twilio.com", url), *rest, **options)

    http.request = elsewhere
    return Client(ACCOUNT, TOKEN, http_client=http)


@contender("send a text", "async", "SDK", "twilio (aiohttp)")
def send_async(url: str) -> Call:
    client = None

    async def call() -> str:
        nonlocal client
        if client is None:
            from twilio.http.async_http_client import AsyncTwilioHttpClient

            client = twilio_client(url, AsyncTwilioHttpClient())
        return (await client.messages.create_async(to=TO, from_=SENDER, body=TEXT)).sid

    return call


@contender("send a text", "blocking", "SDK", "twilio (requests)")
def send(url: str) -> Call:
    from twilio.http.http_client import TwilioHttpClient

    client = twilio_client(url, TwilioHttpClient())
    return lambda: client.messages.create(to=TO, from_=SENDER, body=TEXT).sid


@contender("send an email", "blocking", "SDK", "sendgrid (urllib)")
def mail(url: str) -> Call:
    from sendgrid import SendGridAPIClient

    client = SendGridAPIClient(MAIL_KEY, host=url)
    return lambda: client.client.mail.send.post(request_body=MAIL).headers["x-message-id"]
