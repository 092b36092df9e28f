import pytest

from hardpoint.core.errors import InvalidRequestError, NotFoundError
from hardpoint.core.money import Money
from hardpoint.payments.memory import MemoryPayments
from hardpoint.payments.memory_ledger import GOOD
from hardpoint.payments.types import NewCustomer, NewPayment
from hardpoint.runtime.blocking import run


def test_a_method_that_is_not_there_is_not_found():
    new = NewPayment(amount=Money("1", "EUR"), payment_method="nothing")
    with pytest.raises(NotFoundError, match="no payment method 'nothing'"):
        run(MemoryPayments().create_payment(new, idempotency_key="k"))


def test_a_payment_that_is_not_there_is_not_changed():
    with pytest.raises(NotFoundError):
        run(MemoryPayments().void("pay_1", idempotency_key="k"))


def test_means_are_charged_to_nobody_but_whose_they_are():
    memory = MemoryPayments()
    for key in ("ann", "bob"):
        run(memory.create_customer(NewCustomer(reference=key), idempotency_key=key))
    saved = run(memory.save_method("customer_000001", GOOD, idempotency_key="save"))
    new = NewPayment(
        amount=Money("1", "EUR"),
        payment_method=saved.id,
        customer="customer_000002",
        off_session=True,
    )
    with pytest.raises(InvalidRequestError, match="is of another"):
        run(memory.create_payment(new, idempotency_key="k"))
