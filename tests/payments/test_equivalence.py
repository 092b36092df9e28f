"""Whatever is asked in whatever order, memory and Stripe's fake end the same.

Memory is the reference that every driver is held to, so it must not be a world of its own.
"""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import ProviderError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import Received
from hardpoint.http.messages import Response
from hardpoint.payments import Capture, PaymentGateway
from hardpoint.payments.memory import MemoryPayments
from hardpoint.payments.memory_ledger import CHALLENGED, DECLINED, GOOD
from hardpoint.providers.stripe import Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.fake_cards import CHALLENGED as STRIPE_CHALLENGED
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sync.payments import PaymentGateway as BlockingGateway

METHODS = {
    GOOD: "pm_card_visa",
    CHALLENGED: STRIPE_CHALLENGED,
    "declined": "pm_card_visa_chargeDeclined",
    "insufficient_funds": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "stolen": "pm_card_visa_chargeDeclinedStolenCard",
    "nothing": "pm_nothing",
}
AMOUNTS = st.sampled_from(["1.00", "4.00", "10.00", "10.01"])
KEYS = st.sampled_from([None, "a", "b"])
BACK = "https://shop.example"


class Inside:
    """A transport to a fake in this process."""

    def __init__(self, vendor):
        self.vendor = vendor

    async def send(self, request):
        target = request.url.removeprefix("http://127.0.0.1")
        reply = self.vendor.answer(
            Received(
                method=request.method,
                target=target,
                headers=dict(request.headers),
                body=request.body,
            )
        )
        return Response(status=reply.status, headers=dict(reply.headers), body=reply.body)


def gateway(driver):
    ids = (f"made-{number}" for number in itertools.count())
    connection = Connection("shop", BlockingRuntime(), ids=lambda: next(ids))
    return BlockingGateway(PaymentGateway(driver, connection))


def facts(result):
    """What a caller acts on, ids aside."""
    if isinstance(result, ProviderError):
        return type(result), getattr(result, "reason", None), getattr(result, "soft", None)
    names = ("status", "amount", "captured", "refunded", "reference", "decline")
    return tuple(getattr(result, name, None) for name in names)


class Twins(RuleBasedStateMachine):
    payments = Bundle("payments")

    def __init__(self):
        super().__init__()
        self.vendor = FakeStripe(now=lambda: 1_700_000_000.0)
        self.memory = MemoryPayments(now=lambda: 1_700_000_000.0)
        key = Secret.value(SECRET_KEY)
        stripe = StripePayments(
            Inside(self.vendor), Stripe(secret_key=key, base_url="http://127.0.0.1")
        )
        self.ports = (gateway(self.memory), gateway(stripe))
        self.made = []

    def teardown(self):
        self.vendor.emitter.close()

    def both(self, call):
        """The same call of both; gives the results when they agree."""
        results = []
        for index, port in enumerate(self.ports):
            try:
                results.append(call(port, index))
            except ProviderError as error:
                results.append(error)
        assert facts(results[0]) == facts(results[1]), results
        return results

    @rule(
        target=payments,
        amount=AMOUNTS,
        method=st.none() | st.sampled_from(sorted(METHODS)),
        capture=st.sampled_from(Capture),
        key=KEYS,
    )
    def create(self, amount, method, capture, key):
        results = self.both(
            lambda port, index: port.create_payment(
                Money(amount, "EUR"),
                payment_method=method and (method, METHODS[method])[index],
                capture=capture,
                reference=f"order-{amount}",
                idempotency_key=key,
            )
        )
        if isinstance(results[0], ProviderError):
            return ("shop:pay_0", "shop:pi_0")
        self.made.append(tuple(result.id for result in results))
        return self.made[-1]

    @rule(payment=payments, method=st.none() | st.sampled_from(sorted(METHODS)), key=KEYS)
    def confirm(self, payment, method, key):
        self.both(
            lambda port, index: port.confirm_payment(
                payment[index],
                payment_method=method and (method, METHODS[method])[index],
                return_url=BACK,
                idempotency_key=key,
            )
        )

    @rule(payment=payments, amount=st.none() | AMOUNTS, key=KEYS)
    def capture(self, payment, amount, key):
        money = amount and Money(amount, "EUR")
        self.both(lambda port, i: port.capture(payment[i], money, idempotency_key=key))

    @rule(payment=payments, key=KEYS)
    def void(self, payment, key):
        self.both(lambda port, i: port.void(payment[i], idempotency_key=key))

    @rule(payment=payments, amount=st.none() | AMOUNTS, key=KEYS)
    def refund(self, payment, amount, key):
        money = amount and Money(amount, "EUR")
        self.both(lambda port, i: port.refund(payment[i], money, idempotency_key=key))

    @rule(payment=payments, rightly=st.booleans())
    def authenticate(self, payment, rightly):
        found = self.both(lambda port, index: port.get_payment(payment[index]))[0]
        if getattr(found, "status", None) == "requires_action":
            memory, stripe = (one.partition(":")[2] for one in payment)
            self.memory.authenticate(memory, succeeds=rightly)
            self.vendor.account.authenticate(stripe, succeeds=rightly)

    @invariant()
    def every_payment_is_the_same_in_both(self):
        for payment in self.made:
            self.both(lambda port, index, ids=payment: port.get_payment(ids[index]))

    @invariant()
    def never_more_goes_back_than_was_taken(self):
        for one in self.memory._ledger.since(0):
            assert one.refunded <= one.captured <= one.amount


assert set(DECLINED) < set(METHODS)
TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
