import pytest

from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.providers.stripe import Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.runtime.blocking import run
from hardpoint.testing.clock import ManualClock

INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 1000,
    "currency": "eur",
    "status": "succeeded",
    "created": 5,
}
KEPT = {"id": "pm_1", "object": "payment_method", "type": "card"}


class Recorder:
    """Keeps requests and answers each with what it was told, else with a payment."""

    name = "recorder"

    def __init__(self):
        self.ledger = Ledger()
        self.received = []
        self.replies = []

    def answer(self, request):
        self.received.append(request)
        if self.replies:
            return self.replies.pop(0)
        if request.path.startswith("/v1/checkout/sessions"):
            session = {"object": "checkout.session", "amount_total": 1000, "status": "open"}
            return FakeReply.json({**INTENT, **session, "id": "cs_1"})
        if request.path == "/v1/setup_intents":
            return FakeReply.json(
                {"status": "succeeded", "customer": "cus_1", "payment_method": KEPT}
            )
        if request.path.startswith("/v1/refunds"):
            refund = {"object": "refund", "payment_intent": "pi_1", "status": "succeeded"}
            return FakeReply.json({**INTENT, **refund, "id": "re_1"})
        if request.method == "GET" and request.path == "/v1/payment_intents":
            return FakeReply.json({"object": "list", "data": [INTENT], "has_more": False})
        return FakeReply.json(INTENT)


class Driver:
    """Stripe's driver on a server, stepped."""

    def __init__(self, server, **settings):
        self.server = server
        self.transport = BlockingTransport()
        key = Secret.value(SECRET_KEY)
        self.driver = StripePayments(
            self.transport, Stripe(secret_key=key, base_url=server.url, **settings)
        )

    def __getattr__(self, name):
        return lambda *args, **options: run(getattr(self.driver, name)(*args, **options))


@pytest.fixture
def recorder():
    with FakeServer(Recorder()) as server:
        yield server


@pytest.fixture
def recorded(recorder):
    driver = Driver(recorder)
    yield driver
    driver.transport.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=[True, False], ids=["all fields", "no optional fields"])
def vendor(clock, request):
    with FakeServer(FakeStripe(now=clock.now, optional_fields=request.param)) as server:
        yield server
        server.app.emitter.close()


@pytest.fixture
def driver(vendor):
    driver = Driver(vendor)
    yield driver
    driver.transport.close()
