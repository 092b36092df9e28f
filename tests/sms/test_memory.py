import asyncio

import pytest

from hardpoint.core.errors import InvalidRequestError
from hardpoint.sms.memory import INVALID, MemorySms
from hardpoint.sms.types import MessageStatus, MessageTemplate, NewMessage, SmsFailure

NEW = NewMessage(to="+4917012345678", body="hello")


def test_what_was_sent_can_be_read_by_a_test():
    driver = MemorySms()
    message = asyncio.run(driver.send(NEW, idempotency_key="k"))
    driver.carry(message.id, MessageStatus.FAILED, SmsFailure.FILTERED)
    assert driver.messages[message.id].failure is SmsFailure.FILTERED
    (event,) = driver.events
    assert event.failure is SmsFailure.FILTERED


def test_a_template_that_is_not_there_is_refused():
    new = NewMessage(to="+4917012345678", body="", template=MessageTemplate("other"))
    with pytest.raises(InvalidRequestError, match="unknown"):
        asyncio.run(MemorySms().send(new, idempotency_key="k"))


def test_a_refusal_is_repeated_under_its_key():
    driver = MemorySms()
    new = NewMessage(to=INVALID, body="hello")
    for _ in range(2):
        with pytest.raises(InvalidRequestError):
            asyncio.run(driver.send(new, idempotency_key="k"))
    assert driver.requests == 2
    assert not driver.messages
