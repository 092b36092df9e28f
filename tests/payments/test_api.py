"""What the port does beyond the conformance suite: extras, limits of `find`, odd events."""

import asyncio

import msgspec
import pytest

from hardpoint.core.errors import InvalidRequestError, MisuseError, UnexpectedResponseError
from hardpoint.core.money import Money
from hardpoint.payments import PaymentGateway
from hardpoint.payments.api import PAGES_MAX
from hardpoint.payments.memory import GOOD, MemoryPayments
from hardpoint.payments.types import PaymentPage
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.runtime.connection import Connection
from hardpoint.sync.payments import PaymentGateway as BlockingGateway

TEN = Money("10", "EUR")


class Watched:
    """A driver that keeps what it was asked, and may answer otherwise."""

    def __init__(self, **answers):
        self.memory = MemoryPayments()
        self.answers = answers
        self.asked = []

    def __getattr__(self, name):
        if name in self.answers:
            return self.answers[name]
        found = getattr(self.memory, name)
        if not callable(found):
            return found

        def ask(*args, **options):
            self.asked.append((name, args, options))
            return found(*args, **options)

        return ask


def gateway(driver):
    return BlockingGateway(PaymentGateway(driver, Connection("shop", BlockingRuntime())))


def test_extras_reach_the_provider_they_name_and_no_other():
    driver = Watched()
    port = gateway(driver)
    extra = {"memory": {"a": 1}, "other": {"b": 2}}
    payment = port.create_payment(TEN, extra=extra)
    port.confirm_payment(payment.id, payment_method=GOOD, extra=extra)
    (_, (new,), _), (_, _, options) = driver.asked
    assert new.extra == options["extra"] == {"a": 1}


def test_the_driver_gets_its_own_ids_and_a_key_of_the_verb():
    driver = Watched()
    port = gateway(driver)
    payment = port.create_payment(TEN, payment_method=GOOD, idempotency_key="order-1")
    port.refund(payment.id, idempotency_key="order-1")
    (_, _, created), (_, (local, _), refunded) = driver.asked
    assert local == payment.id.removeprefix("shop:")
    assert created["idempotency_key"] == "create_payment:order-1"
    assert refunded["idempotency_key"] == "refund:order-1"


def test_something_must_be_looked_for():
    driver = Watched()
    with pytest.raises(InvalidRequestError, match="or metadata must be given"):
        gateway(driver).find(since=0)
    assert not driver.asked


def test_a_search_without_end_is_given_up():
    pages = []

    async def list_payments(*, since, cursor):
        pages.append(cursor)
        return PaymentPage(payments=(), cursor=str(len(pages)))

    with pytest.raises(InvalidRequestError, match="name a later time") as caught:
        gateway(Watched(list_payments=list_payments)).find(since=0, reference="r")
    assert caught.value.field == "since"
    assert len(pages) == PAGES_MAX


def bad_shape(body):
    return msgspec.json.decode(body, type=int)


def bad_amount(body):
    raise InvalidRequestError("is no currency", field="currency")


@pytest.mark.parametrize("parse_event", [bad_shape, bad_amount])
def test_an_event_in_no_shape_is_refused(parse_event):
    with pytest.raises(UnexpectedResponseError, match="not in a shape we know") as caught:
        gateway(Watched(parse_event=parse_event)).parse_event(b"{}")
    assert caught.value.provider == "memory"


def test_an_event_about_something_else_says_nothing():
    assert gateway(Watched(parse_event=lambda body: None)).parse_event(b"{}") is None


def test_the_blocking_facade_refuses_inside_a_running_loop():
    driver = Watched()

    async def main():
        with pytest.raises(MisuseError, match="running event loop"):
            gateway(driver).create_payment(TEN)

    asyncio.run(main())
    assert not driver.asked
