"""One fault matrix for every adapter: what each fault makes of a call, and in how many attempts.

Three kinds of calls behave differently: `read`, `keyed` (a change under a key that the provider
honours, or one that sets a state) and `unkeyed` (a change that acts anew each time). An adapter is
a row of `ADAPTERS`: a fake, and a call of each kind that it has.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hardpoint import Policy, Retry, constant
from hardpoint.core.errors import (
    AuthenticationError,
    DeclinedError,
    InvalidRequestError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.events import Listeners
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.email import EmailSender
from hardpoint.fakes.faults import (
    bad_json,
    commit_then_drop,
    hang,
    html_500,
    rate_limit,
    reset,
    status,
    truncate,
)
from hardpoint.fakes.messages import Received
from hardpoint.fakes.server import FakeServer
from hardpoint.http.limits import Limits
from hardpoint.payments import PaymentGateway
from hardpoint.providers.aws import S3
from hardpoint.providers.aws import fake as aws
from hardpoint.providers.aws.fake_bucket import Held
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.providers.sendgrid import SendGrid
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
from hardpoint.providers.stripe import Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, FakeTwilio
from hardpoint.providers.twilio.fake import SENDER as NUMBER
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.calls import AttemptEnded
from hardpoint.runtime.connection import Connection
from hardpoint.sms import OptedOutError, SmsSender
from hardpoint.storage.api import ObjectStore
from hardpoint.sync.email import EmailSender as BlockingEmailSender
from hardpoint.sync.payments import PaymentGateway as BlockingPaymentGateway
from hardpoint.sync.sms import SmsSender as BlockingSmsSender
from hardpoint.sync.storage import ObjectStore as BlockingObjectStore
from hardpoint.testing.conformance.modes import MODES

ATTEMPTS = 3
LIMITS = Limits(timeout=0.3, connect_timeout=0.1)


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A port over one vendor's driver.

    Attributes:
        vendor: makes the fake.
        port: makes the portable type from a transport, a base URL and a connection.
        facade: its blocking twin.
        calls: by kind, given the port.
        effects: what the ledger calls the effect of a keyed or unkeyed call.
        refused: a call that the vendor answers with a no, and the error it ends with.
        found: finds what the unkeyed call did, where the port can look for it.
        bodiless: the vendor's answers have no body, in which nothing can break.
    """

    name: str
    vendor: Callable[[], Any]
    port: Callable[[Any, str, Connection], Any]
    facade: Callable[[Any], Any]
    calls: dict[str, Callable[[Any], Any]]
    effects: str
    refused: tuple[Callable[[Any], Any], type[Exception]]
    found: Callable[[Any], Any] | None = None
    bodiless: bool = False


def stripe(transport, url, connection):
    settings = Stripe(secret_key=Secret.value(SECRET_KEY), base_url=url)
    return PaymentGateway(StripePayments(transport, settings), connection)


def stripe_with_a_payment():
    vendor = FakeStripe()
    fields = {"amount": "1000", "currency": "eur", "payment_method": "pm_card_visa"}
    vendor.answer(
        Received(
            method="POST",
            target="/v1/payment_intents",
            headers={
                "authorization": f"Bearer {SECRET_KEY}",
                "stripe-version": "2026-10-28.endive",
                "idempotency-key": "first",
            },
            body="&".join(f"{name}={value}" for name, value in fields.items()).encode(),
        )
    )
    return vendor


def twilio(transport, url, connection):
    settings = Twilio(
        account_sid=ACCOUNT_SID, secret=Secret.value(AUTH_TOKEN), from_=NUMBER, base_url=url
    )
    return SmsSender(TwilioSms(transport, settings), connection)


def twilio_with_a_message():
    vendor = FakeTwilio(delivers=False)
    vendor.mailbox.create([("To", TO), ("From", NUMBER), ("Body", "before")])
    return vendor


def sendgrid(transport, url, connection):
    settings = SendGrid(api_key=Secret.value(API_KEY), from_="orders@shop.example", base_url=url)
    return EmailSender(SendGridEmail(transport, settings), connection)


def email(to):
    return lambda port: port.send(to=to, subject="Your order", text="hello")


TO = "+4917012345678"


def s3(transport, url, connection):
    settings = S3(
        bucket=aws.BUCKET,
        region=aws.REGION,
        access_key_id=aws.ACCESS_KEY_ID,
        secret_access_key=Secret.value(aws.SECRET_ACCESS_KEY),
        endpoint_url=url,
    )
    return ObjectStore(S3Storage(transport, settings), connection)


def s3_with_an_object():
    vendor = aws.FakeS3()
    held = Held(data=b"hello", content_type="text/plain", metadata={})
    vendor.bucket.store("a", held, {})
    return vendor


ADAPTERS = [
    Adapter(
        name="aws",
        vendor=s3_with_an_object,
        port=s3,
        facade=BlockingObjectStore,
        calls={
            "read": lambda port: port.get("a"),
            "keyed": lambda port: port.copy("a", "b"),
        },
        effects="object",
    ),
    Adapter(
        name="stripe",
        vendor=stripe_with_a_payment,
        port=stripe,
        facade=BlockingPaymentGateway,
        calls={
            "read": lambda port: port.get_payment("shop:pi_fake000001"),
            "keyed": lambda port: port.create_payment(
                Money("10", "EUR"), payment_method="pm_card_visa"
            ),
        },
        effects="charge",
        refused=(
            lambda port: port.create_payment(
                Money("10", "EUR"), payment_method="pm_card_visa_chargeDeclined"
            ),
            DeclinedError,
        ),
    ),
    Adapter(
        name="twilio",
        vendor=twilio_with_a_message,
        port=twilio,
        facade=BlockingSmsSender,
        calls={
            "read": lambda port: port.get_message(f"shop:SM{1:032x}"),
            "unkeyed": lambda port: port.send(to=TO, body="hello"),
        },
        effects="message",
        refused=(lambda port: port.send(to="+15005550004", body="hello"), OptedOutError),
        found=lambda port: port.find(to=TO, body="hello", since=0),
    ),
    Adapter(
        name="sendgrid",
        vendor=lambda: FakeSendGrid(delivers=False),
        port=sendgrid,
        facade=BlockingEmailSender,
        calls={"unkeyed": email("ann@customer.example")},
        effects="email",
        refused=(email("invalid@fake.example"), InvalidRequestError),
        bodiless=True,
    ),
]


@dataclass(frozen=True)
class Row:
    """A fault, how often it strikes, and what becomes of each kind of call.

    An outcome is an error class or None for success, with the number of attempts; `effects` is how
    often a keyed or unkeyed call took effect in the end.
    """

    name: str
    fault: Any
    times: int
    read: tuple[type[Exception] | None, int]
    keyed: tuple[type[Exception] | None, int]
    unkeyed: tuple[type[Exception] | None, int]
    effects: tuple[int, int]
    waited: float = 0.0
    in_body: bool = False


ALWAYS = ATTEMPTS
UNKNOWN = (OutcomeUnknownError, 1)
GIVEN_UP = (OutcomeUnknownError, ATTEMPTS)
DOWN = (UnavailableError, ATTEMPTS)
SECOND = (None, 2)
ROWS = [
    Row("connect refused", "refused", 1, DOWN, DOWN, DOWN, (0, 0)),
    Row("connect timeout", "full", 1, DOWN, DOWN, DOWN, (0, 0)),
    Row("timeout after send", hang(), ALWAYS, DOWN, GIVEN_UP, UNKNOWN, (0, 0)),
    Row("timeout, then ok", hang(), 1, SECOND, SECOND, UNKNOWN, (1, 0)),
    Row("429 with delay", rate_limit("7"), 1, SECOND, SECOND, SECOND, (1, 1), waited=7.0),
    Row("429 without delay", rate_limit(), 1, SECOND, SECOND, SECOND, (1, 1)),
    Row("429 always", rate_limit(), ALWAYS, *[(RateLimitedError, ATTEMPTS)] * 3, (0, 0)),
    Row("500, then ok", status(500), 1, SECOND, SECOND, UNKNOWN, (1, 0)),
    Row("500 always", status(500), ALWAYS, DOWN, GIVEN_UP, UNKNOWN, (0, 0)),
    Row("503, then ok", status(503), 1, SECOND, SECOND, UNKNOWN, (1, 0)),
    Row("html 500, then ok", html_500(), 1, SECOND, SECOND, UNKNOWN, (1, 0)),
    Row("malformed, then ok", bad_json(), 1, SECOND, SECOND, UNKNOWN, (1, 1)),
    Row(
        "malformed always",
        bad_json(),
        ALWAYS,
        (UnexpectedResponseError, ATTEMPTS),
        GIVEN_UP,
        UNKNOWN,
        (1, 1),
    ),
    Row("401", status(401), 1, *[(AuthenticationError, 1)] * 3, (0, 0)),
    Row("commit then drop", commit_then_drop(), 1, SECOND, SECOND, UNKNOWN, (1, 1)),
    Row("drop always", commit_then_drop(), ALWAYS, DOWN, GIVEN_UP, UNKNOWN, (1, 1)),
    Row("reset in the headers", reset("headers"), 1, SECOND, SECOND, UNKNOWN, (1, 0)),
    Row("reset in the body", reset("mid_body"), 1, SECOND, SECOND, UNKNOWN, (1, 1), in_body=True),
    Row("half an answer", truncate(), 1, SECOND, SECOND, UNKNOWN, (1, 1), in_body=True),
]
TRIALS = [
    pytest.param(adapter, kind, row, id=f"{adapter.name}-{kind}-{row.name}")
    for adapter in ADAPTERS
    for kind in adapter.calls
    for row in ROWS
    if not (adapter.bodiless and row.in_body)
]


class Patient:
    """Lets waits pass at once, and counts them; a running exchange takes real time."""

    def __init__(self):
        self.waited = 0.0

    def now(self):
        return 1_700_000_000.0

    def monotonic(self):
        return 1_000.0 + self.waited

    def pause(self, seconds):
        self.waited += seconds

    async def sleep(self, seconds):
        self.waited += seconds

    def call_later(self, seconds, callback):
        return asyncio.get_running_loop().call_later(seconds, callback)

    def wait(self, signal, seconds):
        raise NotImplementedError


class Trial:
    """An adapter in one mode, its calls watched."""

    def __init__(self, adapter, mode, url):
        self.clock = Patient()
        self.attempts = 0
        policy = Policy(
            "matrix",
            deadline=3600.0,
            retry=Retry(ATTEMPTS, backoff=constant(1.0), throttled=constant(1.0)),
            clock=self.clock,
        )
        connection = Connection(
            "shop", mode.runtime, policy=policy, listeners=Listeners(self._heard)
        )
        self._mode = mode
        port = adapter.port(mode.transport(LIMITS), url, connection)
        self._port = mode.port(port, adapter.facade)

    def _heard(self, event):
        self.attempts += isinstance(event, AttemptEnded)

    def does(self, call):
        """What a call gives."""
        return self._mode.do(call(self._port))

    def ends(self, call):
        """The error that a call ends with, if any, and its attempts."""
        before = self.attempts
        error = None
        try:
            self.does(call)
        except Exception as caught:
            error = caught
        return error, self.attempts - before


@pytest.fixture(params=MODES)
def mode(request):
    mode = MODES[request.param]()
    yield mode
    mode.close()


@pytest.fixture
def unreachable(request):
    """An address where connecting is refused, or takes for ever."""
    with contextlib.ExitStack() as stack:

        def address(kind):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            port = listener.getsockname()[1]
            if kind == "refused":
                listener.close()
            for _ in range(4 if kind == "full" else 0):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            return f"http://127.0.0.1:{port}"

        yield address


@pytest.mark.parametrize(("adapter", "kind", "row"), TRIALS)
def test_every_fault_ends_as_the_table_says(adapter, kind, row, mode, unreachable):
    with serving(adapter) as server:
        vendor, url = server.app, server.url
        if isinstance(row.fault, str):
            url = unreachable(row.fault)
        else:
            server.faults.next(row.fault, times=row.times)
        before = vendor.ledger.count(adapter.effects)
        trial = Trial(adapter, mode, url)
        error, attempts = trial.ends(adapter.calls[kind])
        effects = vendor.ledger.count(adapter.effects) - before
        if adapter.found and isinstance(error, OutcomeUnknownError):
            assert len(trial.does(adapter.found)) == effects, "what the caller finds is the truth"
    expected, expected_attempts = getattr(row, kind)
    assert type(error) is (expected or type(None)), error
    assert attempts == expected_attempts
    if kind != "read":
        assert effects == row.effects[kind == "unkeyed"]
    assert trial.clock.waited >= row.waited
    if error is not None:
        assert (error.provider, bool(error.operation)) == (adapter.name, True)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_a_refusal_is_an_answer_and_never_retried(adapter, mode):
    call, expected = adapter.refused
    with serving(adapter) as server:
        error, attempts = Trial(adapter, mode, server.url).ends(call)
        assert (type(error), attempts, server.requests) == (expected, 1, 1)


@contextlib.contextmanager
def serving(adapter):
    vendor = adapter.vendor()
    with FakeServer(vendor) as server:
        yield server
    vendor.emitter.close()
