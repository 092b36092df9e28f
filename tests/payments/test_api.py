"""What the port does beyond the conformance suite: extras, limits of `find`, odd events."""

import asyncio
import dataclasses

import msgspec
import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    ConflictError,
    DeclinedError,
    IdempotencyConflictError,
    InvalidRequestError,
    MisuseError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from hardpoint.core.money import Money
from hardpoint.payments import PaymentGateway
from hardpoint.payments.finding import PAGES_MAX
from hardpoint.payments.memory import MemoryPayments
from hardpoint.payments.memory_ledger import GOOD
from hardpoint.payments.types import CheckoutStatus, PaymentPage, Refunded, RefundFailed
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
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


def too_deep(body):
    return msgspec.json.decode(b"[" * 100_000)


def not_text(body):
    return msgspec.json.decode(b'"\xff"')


@pytest.mark.parametrize("parse_event", [bad_shape, bad_amount, too_deep, not_text])
def test_an_event_in_no_shape_is_refused(parse_event):
    with pytest.raises(UnexpectedResponseError, match="has an unknown form") as caught:
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


@pytest.mark.parametrize(
    ("wanted", "repeatable"),
    [
        ({"reference": "7"}, True),
        ({"metadata": {"order": "7"}}, True),
        ({"description": "seven"}, False),
    ],
    ids=["reference", "metadata", "nothing of yours"],
)
def test_without_keys_a_payment_in_doubt_is_looked_for_by_what_is_yours_in_it(
    tmp_path, wanted, repeatable
):
    memory = MemoryPayments()
    capabilities = dataclasses.replace(memory.capabilities, idempotency=Idempotency.NONE)
    store = SqliteStore(tmp_path / "store.db")
    store.open_blocking()
    journal = StoreJournal(store, blocking=True)

    async def lost(new, *, idempotency_key):
        await memory.create_payment(new, idempotency_key=idempotency_key)
        raise OutcomeUnknownError("no answer")

    def port(**answers):
        driver = Watched(capabilities=capabilities, **answers)
        driver.memory = memory
        connection = Connection("shop", BlockingRuntime(), journal=journal)
        return BlockingGateway(PaymentGateway(driver, connection))

    def pay(port):
        return port.create_payment(TEN, payment_method=GOOD, idempotency_key="order-7", **wanted)

    port().create_payment(Money("11", "EUR"), payment_method=GOOD, **wanted)
    with pytest.raises(OutcomeUnknownError) as caught:
        pay(port(create_payment=lost))
    assert caught.value.repeatable is repeatable
    if repeatable:
        assert pay(port()).id == pay(port()).id == "shop:pay_000002"
    else:
        with pytest.raises(OutcomeUnknownError, match="cannot be asked"):
            pay(port())
    store.close_blocking()


@pytest.mark.parametrize("refund_id", ["ref_1", None])
def test_both_ids_of_a_refund_carry_their_connection(refund_id):
    told = [
        RefundFailed(payment_id="pay_1", refund_id="ref_1", amount=TEN, reason=None),
        Refunded(payment_id="pay_1", refund_id=refund_id, amount=TEN, refunded=None, whole=None),
    ]
    failed, refunded = (
        gateway(Watched(parse_event=lambda body, one=one: one)).parse_event(b"{}") for one in told
    )
    assert (failed.payment_id, failed.refund_id) == ("shop:pay_1", "shop:ref_1")
    assert refunded.refund_id == (refund_id and "shop:ref_1")


def test_a_page_of_one_sum_has_one_line_that_says_what_it_is():
    driver = Watched()
    port = gateway(driver)
    for words in ({"description": "d" * 300}, {"reference": "order-1"}, {}):
        port.create_checkout(TEN, success_url="https://shop.example", **words)
    lines = [new.items for _, (new,), _ in driver.asked]
    assert [one.name for (one,) in lines] == ["d" * 250, "order-1", "Payment"]
    assert {(one.amount, one.quantity) for (one,) in lines} == {(TEN, 1)}


def test_a_page_ends_once_somebody_has_paid_on_it():
    memory = MemoryPayments()
    page = gateway(memory).create_checkout(TEN, success_url="https://shop.example")
    local = page.id.partition(":")[2]
    with pytest.raises(DeclinedError):
        memory.pay_on_page(local, "declined")
    open_still = gateway(memory).get_checkout(page.id)
    assert (open_still.status, open_still.url) == (CheckoutStatus.OPEN, page.url)
    memory.pay_on_page(local)
    with pytest.raises(ConflictError):
        memory.pay_on_page(local)
    paid = gateway(memory).get_checkout(page.id)
    assert (paid.status, paid.url, paid.payment_id) == (
        CheckoutStatus.COMPLETED,
        None,
        open_still.payment_id,
    )


def of_another(verb, made):
    """A driver that gives, whatever is asked, what the key was used for before."""

    async def answer(*_, **__):
        return made

    return gateway(Watched(**{verb: answer}))


@pytest.mark.parametrize("other", [Money("11", "EUR"), Money("10", "USD")])
def test_what_a_key_was_used_for_before_is_not_taken_for_this(other):
    memory = gateway(MemoryPayments())
    payment = memory.create_payment(other, reference="a")
    local = msgspec.structs.replace(payment, id="p1", captured=other)
    back = memory.refund(memory.create_payment(other, payment_method=GOOD).id)
    page = memory.create_checkout(other, success_url="https://shop.example/")
    refund = msgspec.structs.replace(back, id="r1", payment_id="p1")
    for call in (
        lambda: of_another("create_payment", local).create_payment(TEN, reference="a"),
        lambda: of_another("create_payment", local).create_payment(other, reference="b"),
        lambda: of_another("create_payment", local).create_payment(other),
        lambda: of_another("capture", local).capture("shop:p1", TEN),
        lambda: of_another("refund", refund).refund("shop:p1", TEN),
        lambda: of_another("create_checkout", page).create_checkout(
            TEN, success_url="https://shop.example/"
        ),
    ):
        with pytest.raises(IdempotencyConflictError, match="another call"):
            call()


def test_what_a_provider_does_not_tell_is_not_compared():
    memory = gateway(MemoryPayments())
    payment = memory.create_payment(TEN, reference="a")
    untold = msgspec.structs.replace(payment, id="p1", reference=None)
    assert of_another("create_payment", untold).create_payment(TEN, reference="a").amount == TEN
    assert of_another("capture", untold).capture("shop:p1", Money("5", "EUR")).amount == TEN
    assert of_another("capture", untold).capture("shop:p1").amount == TEN
