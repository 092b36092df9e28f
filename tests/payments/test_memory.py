import pytest

from hardpoint.core.errors import NotFoundError
from hardpoint.core.money import Money
from hardpoint.payments.memory import MemoryPayments
from hardpoint.payments.types import NewPayment
from hardpoint.runtime.blocking import run


def test_a_method_that_is_not_there_is_not_found():
    new = NewPayment(amount=Money("1", "EUR"), payment_method="nothing")
    with pytest.raises(NotFoundError, match="no payment method 'nothing'"):
        run(MemoryPayments().create_payment(new, idempotency_key="k"))


def test_a_payment_that_is_not_there_is_not_changed():
    with pytest.raises(NotFoundError):
        run(MemoryPayments().void("pay_1", idempotency_key="k"))
