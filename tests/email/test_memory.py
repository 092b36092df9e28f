import asyncio

import pytest

from hardpoint.core.errors import InvalidRequestError
from hardpoint.email.addresses import Address
from hardpoint.email.memory import INVALID, SENDER, MemoryEmail
from hardpoint.email.types import DeliveryStatus, EmailFailure, NewEmail

TO = Address(email="ann@customer.example")
NEW = NewEmail(key="order-7", from_=SENDER, to=(TO,), subject="Hello", text="hi")


def test_what_was_sent_can_be_read_by_a_test():
    driver = MemoryEmail(now=lambda: 5.0)
    email = asyncio.run(driver.send(NEW, idempotency_key="k"))
    assert driver.emails == {email.id: NEW}
    driver.carry(email.id, TO.email, DeliveryStatus.BOUNCED, EmailFailure.MAILBOX)
    (event,) = driver.events
    assert (event.failure, event.at, event.to) == (EmailFailure.MAILBOX, 5.0, TO.email)


def test_a_refusal_is_repeated_under_its_key():
    driver = MemoryEmail()
    new = NewEmail(
        key="k", from_=SENDER, to=(TO, Address(email=INVALID)), subject="Hello", text="hi"
    )
    for _ in range(2):
        with pytest.raises(InvalidRequestError) as caught:
            asyncio.run(driver.send(new, idempotency_key="k"))
        assert caught.value.field == "to[1]"
    assert driver.requests == 2
    assert not driver.emails
