from hardpoint.service.guard import IngressGuard, IngressLimits
from hardpoint.testing import ManualClock
from hardpoint.webhooks.answers import STORED, Answer


def test_an_answer_on_the_wire_is_made_once_between_two_sweeps():
    guard = IngressGuard(IngressLimits(), ManualClock(), refused=lambda source, reason: None)
    first = guard.wire(STORED, last=False)
    assert guard.wire(STORED, last=False) is first
    assert guard.wire(STORED, last=True) != first
    guard.sweep()
    assert guard.wire(STORED, last=False) is not first
    assert b"date: Tue, 14 Nov 2023 22:13:20 GMT\r\n" in first
    assert guard.wire(Answer(status=204, headers=()), last=False).endswith(b"GMT\r\n\r\n")
