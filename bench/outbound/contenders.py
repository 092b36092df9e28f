"""Who is compared: each makes the same call of the same server and gives the id it was answered.

A floor is bare `httpx2` as its manual shows it: a client, one request, the answer's JSON.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import httpx2

from hardpoint import Breaker, Budget, Policy, Retry
from hardpoint.calls.connection import Connection
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.email import EmailSender
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Transport
from hardpoint.payments import PaymentGateway
from hardpoint.providers.sendgrid import SendGrid
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.stripe import API_VERSION, Stripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.runtime.effects import Runtime
from hardpoint.sms import SmsSender
from hardpoint.sync.email import EmailSender as BlockingMailer
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.sync.sms import SmsSender as BlockingSender

Call = Callable[[], Any]
Task = str
BENEATH = "a policy beneath "
"""How the tasks begin that compare a client of others with itself under a policy."""
Who = Literal["bare", "ours", "SDK", "peer"]

KEY = "sk_test_bench"
ACCOUNT, TOKEN = "AC" + "0" * 32, "f" * 32
INTENT = "pi_3SyBench0000000000000001"
TO, SENDER, TEXT = "+4917012345678", "+14155550199", "Your order has left."
HEADERS = {"authorization": f"Bearer {KEY}", "stripe-version": API_VERSION}
PAYMENTS = "/v1/payment_intents"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
FORM = {
    "amount": "1999",
    "currency": "eur",
    "capture_method": "automatic",
    "description": "A book",
    "metadata[plan]": "yearly",
    "metadata[reference]": "order-1",
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "automatic_payment_methods[enabled]": "true",
    "automatic_payment_methods[allow_redirects]": "never",
    "expand[0]": "latest_charge",
}
MAIL = {
    "personalizations": [{"to": [{"email": "ann@customer.example"}]}],
    "from": {"email": "orders@shop.example", "name": "Shop"},
    "subject": "Your order has left.",
    "content": [
        {"type": "text/plain", "value": "Your order has left."},
        {"type": "text/html", "value": "<p>Your order has left."},
    ],
    "custom_args": {"order": "1"},
}
MAIL_KEY = "SG.bench"
MESSAGE = {"To": TO, "From": SENDER, "Body": TEXT}


@dataclass(frozen=True, slots=True)
class Contender:
    """`make` is given the server's URL; what it gives is called, and awaited in mode `async`."""

    task: Task
    mode: Literal["async", "blocking"]
    who: Who
    name: str
    make: Callable[[str], Call]


CONTENDERS: list[Contender] = []


def contender(
    task: Task, mode: Literal["async", "blocking"], who: Who, name: str
) -> Callable[[Callable[[str], Call]], Callable[[str], Call]]:
    def declare(make: Callable[[str], Call]) -> Callable[[str], Call]:
        CONTENDERS.append(Contender(task, mode, who, name, make))
        return make

    return declare


def connection(name: str, runtime: Runtime) -> Connection:
    """Under a policy with every part that a careful user would ask for."""
    policy = Policy(
        name,
        deadline=30,
        timeout=10,
        retry=Retry(4, budget=Budget(ratio=0.2)),
        breaker=Breaker(failures=5, recovery=60),
    )
    return Connection(name, runtime, policy)


def gateway(url: str, transport: Transport, runtime: Runtime) -> PaymentGateway:
    settings = Stripe(secret_key=Secret.value(KEY), base_url=url)
    return PaymentGateway(StripePayments(transport, settings), connection("shop", runtime))


def sender(url: str, transport: Transport, runtime: Runtime) -> SmsSender:
    settings = Twilio(account_sid=ACCOUNT, secret=Secret.value(TOKEN), from_=SENDER, base_url=url)
    return SmsSender(TwilioSms(transport, settings), connection("texts", runtime))


def mailer(url: str, transport: Transport, runtime: Runtime) -> EmailSender:
    sender = "Shop <orders@shop.example>"
    settings = SendGrid(api_key=Secret.value(MAIL_KEY), from_=sender, base_url=url)
    return EmailSender(SendGridEmail(transport, settings), connection("mail", runtime))


def letter(send: Callable[..., Any]) -> Any:
    return send(
        to="ann@customer.example",
        subject=MAIL["subject"],
        text="Your order has left.",
        html="<p>Your order has left.",
        metadata={"order": "1"},
    )


def book(create: Callable[..., Any]) -> Any:
    return create(
        Money("19.99", "EUR"),
        payment_method="pm_card_visa",
        description="A book",
        reference="order-1",
        metadata={"plan": "yearly"},
    )


@contender("create a payment", "async", "bare", "httpx2.AsyncClient")
def bare_create(url: str) -> Call:
    client = httpx2.AsyncClient(base_url=url, headers=HEADERS)

    async def call() -> str:
        reply = await client.post(PAYMENTS, data=FORM, headers={"idempotency-key": str(uuid4())})
        reply.raise_for_status()
        return reply.json()["id"]

    return call


@contender("create a payment", "async", "ours", "hardpoint: PaymentGateway, policy, Stripe")
def our_create(url: str) -> Call:
    port = gateway(url, AsyncTransport(), AsyncRuntime())

    async def call() -> str:
        return (await book(port.create_payment)).id

    return call


@contender("create a payment", "blocking", "bare", "httpx2.Client")
def bare_create_blocking(url: str) -> Call:
    client = httpx2.Client(base_url=url, headers=HEADERS)

    def call() -> str:
        reply = client.post(PAYMENTS, data=FORM, headers={"idempotency-key": str(uuid4())})
        reply.raise_for_status()
        return reply.json()["id"]

    return call


@contender("create a payment", "blocking", "ours", "hardpoint.sync: PaymentGateway, policy, Stripe")
def our_create_blocking(url: str) -> Call:
    port = BlockingGateway(gateway(url, BlockingTransport(), BlockingRuntime()))
    return lambda: book(port.create_payment).id


@contender("get a payment", "async", "bare", "httpx2.AsyncClient")
def bare_get(url: str) -> Call:
    client = httpx2.AsyncClient(base_url=url, headers=HEADERS)
    expand = {"expand[0]": "latest_charge"}

    async def call() -> str:
        reply = await client.get(f"{PAYMENTS}/{INTENT}", params=expand)
        reply.raise_for_status()
        return reply.json()["id"]

    return call


@contender("get a payment", "async", "ours", "hardpoint: PaymentGateway, policy, Stripe")
def our_get(url: str) -> Call:
    port = gateway(url, AsyncTransport(), AsyncRuntime())

    async def call() -> str:
        return (await port.get_payment(f"shop:{INTENT}")).id

    return call


@contender("send a text", "async", "bare", "httpx2.AsyncClient")
def bare_send(url: str) -> Call:
    client = httpx2.AsyncClient(base_url=url, auth=(ACCOUNT, TOKEN))

    async def call() -> str:
        reply = await client.post(MESSAGES, data=MESSAGE)
        reply.raise_for_status()
        return reply.json()["sid"]

    return call


@contender("send a text", "async", "ours", "hardpoint: SmsSender, policy, Twilio")
def our_send(url: str) -> Call:
    port = sender(url, AsyncTransport(), AsyncRuntime())

    async def call() -> str:
        return (await port.send(to=TO, body=TEXT)).id

    return call


@contender("send a text", "blocking", "bare", "httpx2.Client")
def bare_send_blocking(url: str) -> Call:
    client = httpx2.Client(base_url=url, auth=(ACCOUNT, TOKEN))

    def call() -> str:
        reply = client.post(MESSAGES, data=MESSAGE)
        reply.raise_for_status()
        return reply.json()["sid"]

    return call


@contender("send a text", "blocking", "ours", "hardpoint.sync: SmsSender, policy, Twilio")
def our_send_blocking(url: str) -> Call:
    port = BlockingSender(sender(url, BlockingTransport(), BlockingRuntime()))
    return lambda: port.send(to=TO, body=TEXT).id


@contender("send an email", "async", "bare", "httpx2.AsyncClient")
def bare_mail(url: str) -> Call:
    client = httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {MAIL_KEY}"})

    async def call() -> str:
        reply = await client.post("/v3/mail/send", json=MAIL)
        reply.raise_for_status()
        return reply.headers["x-message-id"]

    return call


@contender("send an email", "async", "ours", "hardpoint: EmailSender, policy, SendGrid")
def our_mail(url: str) -> Call:
    port = mailer(url, AsyncTransport(), AsyncRuntime())

    async def call() -> str:
        return (await letter(port.send)).id

    return call


@contender("send an email", "blocking", "bare", "httpx2.Client")
def bare_mail_blocking(url: str) -> Call:
    client = httpx2.Client(base_url=url, headers={"authorization": f"Bearer {MAIL_KEY}"})

    def call() -> str:
        reply = client.post("/v3/mail/send", json=MAIL)
        reply.raise_for_status()
        return reply.headers["x-message-id"]

    return call


@contender("send an email", "blocking", "ours", "hardpoint.sync: EmailSender, policy, SendGrid")
def our_mail_blocking(url: str) -> Call:
    port = BlockingMailer(mailer(url, BlockingTransport(), BlockingRuntime()))
    return lambda: letter(port.send).id
