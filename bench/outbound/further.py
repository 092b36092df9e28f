"""One call of each further vendor: bare, through its port, and by its own package where it has one.

PayPal's token is fetched once by all three. Nobody has an official package for Discord's REST API.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2

from bench.outbound.contenders import CONTENDERS, Call, connection, contender
from bench.outbound.replies import CHANNEL, LOCATION, ROOM, TEXT
from hardpoint.chat import ChatNotifier
from hardpoint.core.money import Money
from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.email import EmailSender
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.payments import PaymentGateway
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sms import SmsSender
from hardpoint.sync.chat import ChatNotifier as BlockingNotifier
from hardpoint.sync.email import EmailSender as BlockingMailer
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.sync.sms import SmsSender as BlockingSender

__all__ = ["CONTENDERS"]

TO, FROM = "+4917012345678", "+14155550199"
KEPT_CARD, NONCE = "vault-bench", "cnon:card-nonce-ok"
CLIENT = ("AbenchClientId0000000000", "EbenchClientSecret0000000")
TOKEN, BOT = "EAAAbench", "YmVuY2g.YmVuY2g.YmVuY2g"
ACCOUNT = ("abcd1234", "bench_secret")
SERVER_TOKEN = "00000000-aaaa-4bbb-8ccc-dddddddddddd"
SQUARE_VERSION = "2026-08-19"
SHOP, ANN = "Shop <orders@shop.example>", "ann@customer.example"
BLOCKS: Any = [
    {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": TEXT}]}],
    }
]
MINOR: Any = {"amount": 1999, "currency": "EUR"}


def basic(pair: tuple[str, str]) -> str:
    return f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}"


@dataclass(frozen=True, kw_only=True)
class Wire:
    """One call as it goes over the wire, with a new key."""

    path: str
    headers: Callable[[str], dict[str, str]]
    document: Callable[[str], Any]
    found: Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One vendor: what its wire wants, its settings, and the port's call."""

    task: str
    vendor: str
    port: str
    kinds: tuple[Any, Any]
    settings: dict[str, Any]
    ask: Callable[[Any], Any]
    wire: Wire


def declare(case: Case) -> None:
    wire = case.wire

    def request() -> dict[str, Any]:
        key = str(uuid4())
        return {"url": wire.path, "json": wire.document(key), "headers": wire.headers(key)}

    def made(url: str, transport: Any) -> Any:
        manifest = provider(case.vendor)
        settings = load(manifest.settings or "")(**case.settings, base_url=url)
        return load(manifest.ports[case.port])(transport, settings)

    @contender(case.task, "async", "bare", "httpx2.AsyncClient")
    def _(url: str) -> Call:
        client = httpx2.AsyncClient(base_url=url)

        async def call() -> str:
            reply = await client.post(**request())
            reply.raise_for_status()
            return wire.found(reply.json())

        return call

    @contender(case.task, "blocking", "bare", "httpx2.Client")
    def _(url: str) -> Call:
        client = httpx2.Client(base_url=url)

        def call() -> str:
            reply = client.post(**request())
            reply.raise_for_status()
            return wire.found(reply.json())

        return call

    @contender(case.task, "async", "ours", f"hardpoint: {case.kinds[0].__name__}, policy")
    def _(url: str) -> Call:
        port = case.kinds[0](made(url, AsyncTransport()), connection("shop", AsyncRuntime()))

        async def call() -> str:
            return (await case.ask(port)).id

        return call

    @contender(case.task, "blocking", "ours", f"hardpoint.sync: {case.kinds[0].__name__}, policy")
    def _(url: str) -> Call:
        driver = made(url, BlockingTransport())
        port = case.kinds[1](case.kinds[0](driver, connection("shop", BlockingRuntime())))
        return lambda: case.ask(port).id


def paid(method: str) -> Callable[[Any], Any]:
    return lambda port: port.create_payment(
        Money("19.99", "EUR"), payment_method=method, description="A book", reference="order-1"
    )


GATEWAYS = (PaymentGateway, BlockingGateway)
NOTIFIERS = (ChatNotifier, BlockingNotifier)
ORDER: Any = {
    "intent": "CAPTURE",
    "purchase_units": [
        {
            "amount": {"currency_code": "EUR", "value": "19.99"},
            "custom_id": "order-1",
            "description": "A book",
        }
    ],
    "payment_source": {"card": {"vault_id": KEPT_CARD}},
}
MAIL: Any = {
    "From": SHOP,
    "To": ANN,
    "Subject": TEXT,
    "TextBody": TEXT,
    "HtmlBody": f"<p>{TEXT}",
}
PAYMENT: Any = {
    "source_id": NONCE,
    "amount_money": MINOR,
    "autocomplete": True,
    "location_id": LOCATION,
    "reference_id": "order-1",
    "note": "A book",
}

declare(
    Case(
        task="PayPal: pay by a kept card",
        vendor="paypal",
        port="payments",
        kinds=GATEWAYS,
        settings={"client_id": CLIENT[0], "client_secret": Secret.value(CLIENT[1])},
        ask=paid(f"card:{KEPT_CARD}"),
        wire=Wire(
            path="/v2/checkout/orders",
            headers=lambda key: {
                "authorization": "Bearer A21AAbench",
                "prefer": "return=representation",
                "paypal-request-id": key,
            },
            document=lambda _: ORDER,
            found=lambda told: told["purchase_units"][0]["payments"]["captures"][0]["id"],
        ),
    )
)
declare(
    Case(
        task="Square: pay",
        vendor="square",
        port="payments",
        kinds=GATEWAYS,
        settings={"access_token": Secret.value(TOKEN), "location_id": LOCATION},
        ask=paid(NONCE),
        wire=Wire(
            path="/v2/payments",
            headers=lambda _: {
                "authorization": f"Bearer {TOKEN}",
                "square-version": SQUARE_VERSION,
            },
            document=lambda key: {**PAYMENT, "idempotency_key": key},
            found=lambda told: told["payment"]["id"],
        ),
    )
)
declare(
    Case(
        task="Slack: post",
        vendor="slack",
        port="chat",
        kinds=NOTIFIERS,
        settings={"bot_token": Secret.value("xoxb-bench"), "channel": CHANNEL},
        ask=lambda port: port.post(TEXT),
        wire=Wire(
            path="/api/chat.postMessage",
            headers=lambda _: {"authorization": "Bearer xoxb-bench"},
            document=lambda _: {"channel": CHANNEL, "text": TEXT, "blocks": BLOCKS},
            found=lambda told: told["ts"],
        ),
    )
)
declare(
    Case(
        task="Discord: post",
        vendor="discord",
        port="chat",
        kinds=NOTIFIERS,
        settings={"bot_token": Secret.value(BOT), "channel": ROOM},
        ask=lambda port: port.post(TEXT),
        wire=Wire(
            path=f"/api/v10/channels/{ROOM}/messages",
            headers=lambda _: {"authorization": f"Bot {BOT}"},
            document=lambda key: {
                "content": TEXT,
                "allowed_mentions": {"parse": []},
                "nonce": key[:25],
                "enforce_nonce": True,
            },
            found=lambda told: told["id"],
        ),
    )
)
declare(
    Case(
        task="Vonage: send a text",
        vendor="vonage",
        port="sms",
        kinds=(SmsSender, BlockingSender),
        settings={
            "api_key": ACCOUNT[0],
            "api_secret": Secret.value(ACCOUNT[1]),
            "from_": FROM,
        },
        ask=lambda port: port.send(to=TO, body=TEXT),
        wire=Wire(
            path="/v1/messages",
            headers=lambda _: {"authorization": basic(ACCOUNT)},
            document=lambda key: {
                "channel": "sms",
                "message_type": "text",
                "to": TO[1:],
                "from": FROM[1:],
                "client_ref": key,
                "text": TEXT,
            },
            found=lambda told: told["message_uuid"],
        ),
    )
)
declare(
    Case(
        task="Postmark: send an email",
        vendor="postmark",
        port="email",
        kinds=(EmailSender, BlockingMailer),
        settings={"server_token": Secret.value(SERVER_TOKEN), "from_": SHOP},
        ask=lambda port: port.send(to=ANN, subject=TEXT, text=TEXT, html=f"<p>{TEXT}"),
        wire=Wire(
            path="/email",
            headers=lambda _: {
                "x-postmark-server-token": SERVER_TOKEN,
                "accept": "application/json",
            },
            document=lambda key: {**MAIL, "Metadata": {"key": key}},
            found=lambda told: told["MessageID"],
        ),
    )
)


@contender("PayPal: pay by a kept card", "blocking", "SDK", "paypal-server-sdk (requests)")
def paypal(url: str) -> Call:
    from paypalserversdk.configuration import Configuration
    from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
    from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

    class Elsewhere(Configuration):
        def get_base_uri(self, server: Any = None) -> str:
            return url

    own = Elsewhere(client_credentials_auth_credentials=ClientCredentialsAuthCredentials(*CLIENT))
    orders = PaypalServersdkClient(config=own).orders

    def call() -> str:
        told = orders.create_order(
            {
                "body": ORDER,
                "paypal_request_id": str(uuid4()),
                "prefer": "return=representation",
            }
        )
        return told.body.purchase_units[0].payments.captures[0].id

    return call


@contender("Square: pay", "blocking", "SDK", "squareup (httpx)")
def square(url: str) -> Call:
    from square import Square

    client = Square(token=TOKEN, base_url=url, version=SQUARE_VERSION)
    return lambda: client.payments.create(idempotency_key=str(uuid4()), **PAYMENT).payment.id


@contender("Square: pay", "async", "SDK", "squareup (httpx)")
def square_async(url: str) -> Call:
    from square import AsyncSquare

    client = AsyncSquare(token=TOKEN, base_url=url, version=SQUARE_VERSION)

    async def call() -> str:
        told = await client.payments.create(idempotency_key=str(uuid4()), **PAYMENT)
        return told.payment.id

    return call


@contender("Slack: post", "blocking", "SDK", "slack_sdk (urllib)")
def slack(url: str) -> Call:
    from slack_sdk import WebClient

    client = WebClient("xoxb-bench", base_url=f"{url}/api/")
    return lambda: client.chat_postMessage(channel=CHANNEL, text=TEXT, blocks=BLOCKS)["ts"]


@contender("Slack: post", "async", "SDK", "slack_sdk (aiohttp)")
def slack_async(url: str) -> Call:
    client: Any = None

    async def call() -> str:
        nonlocal client
        if client is None:
            import aiohttp
            from slack_sdk.web.async_client import AsyncWebClient

            session = aiohttp.ClientSession()
            client = AsyncWebClient("xoxb-bench", base_url=f"{url}/api/", session=session)
        return (await client.chat_postMessage(channel=CHANNEL, text=TEXT, blocks=BLOCKS))["ts"]

    return call


@contender("Vonage: send a text", "blocking", "SDK", "vonage-messages (requests)")
def vonage(url: str) -> Call:
    """The package speaks https only; its session is turned to the server."""
    from vonage_http_client import Auth, HttpClient
    from vonage_messages import Messages, Sms

    http = HttpClient(Auth(api_key=ACCOUNT[0], api_secret=ACCOUNT[1]))
    ask = http._session.request

    def elsewhere(method: str, url_given: str = "", **options: Any) -> Any:
        asked = options.pop("url", url_given)
        return ask(method, asked.replace("https://api.nexmo.com", url), **options)

    http._session.request = elsewhere
    messages = Messages(http)

    def call() -> str:
        sms = Sms(to=TO[1:], from_=FROM[1:], text=TEXT, client_ref=str(uuid4()))
        return messages.send(sms).message_uuid

    return call


@contender("Postmark: send an email", "async", "SDK", "postmark-python (httpx)")
def postmark(url: str) -> Call:
    from postmark import Email, ServerClient

    client = ServerClient(SERVER_TOKEN, base_url=url)

    async def call() -> str:
        email = Email(
            sender=SHOP,
            to=ANN,
            subject=TEXT,
            text_body=TEXT,
            html_body=f"<p>{TEXT}",
            metadata={"key": str(uuid4())},
        )
        return (await client.outbound.send(email)).message_id

    return call
