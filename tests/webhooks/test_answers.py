"""What a vendor hears."""

import operator

from hardpoint.webhooks.answers import STORED, UNAUTHORIZED


def test_answers_that_say_the_same_are_equal_whichever_request_they_are_for():
    answer = STORED.to("c-1")
    assert answer == STORED
    assert operator.ne(answer, STORED) is False
    assert len({answer, STORED}) == 1
    assert answer != UNAUTHORIZED
    assert answer.request_id == b"c-1"
    assert answer.to("c-1") is answer
