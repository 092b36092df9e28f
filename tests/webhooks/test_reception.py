"""What is refused or cannot be taken: counted in memory, written later, told."""

import pytest
from tests.webhooks.conftest import scripted, signed, told

from hardpoint.core.errors import (
    StoreCorruptError,
    StoreUnavailableError,
)
from hardpoint.webhooks.answers import STORED, TOO_LARGE, UNAUTHORIZED, UNAVAILABLE
from hardpoint.webhooks.reception import ReceptionFault, RequestsRefused
from hardpoint.webhooks.sources import UNKNOWN_SOURCE, Source


def test_there_is_one_cap_before_and_the_sources_own_after_the_signature(rig):
    one = rig()
    schemes = one.schemes
    caps = {"billing": 100, "code": 1000}
    one.inbox.configure(
        {name: Source(name=name, scheme=schemes[name], body_bytes_max=caps[name]) for name in caps}
    )
    assert one.inbox.body_bytes_max == 1000

    async def scenario():
        body = b'{"id": "evt_1", "type": "paid", "pad": "%b"}' % (b"x" * 100)
        forged = [("Stripe-Signature", "t=1700000000,v1=" + "0" * 64)]
        answers = [
            await one.submit("billing", forged, body),
            await one.submit("nobody", forged, body),
            await one.submit(*signed(one, body)),
            await one.submit(*signed(one, body, "code")),
        ]
        await one.inbox.flush()
        return answers

    assert one.play(scenario) == [UNAUTHORIZED, UNAUTHORIZED, TOO_LARGE, STORED]
    assert one.read(lambda reader: reader.refusals())["billing"]["too_large"] == 1


def test_a_flood_of_forged_requests_is_one_row_a_source_reason_and_minute(rig):
    """Promise 1 and E42: no write for a request, and no memory for a name."""
    one = rig()

    async def scenario():
        for number in range(5000):
            one.submit("billing", [("Stripe-Signature", f"{number}")], b"{}")
            one.submit(f"source-{number}", [], b"{}")
        assert len(one.inbox._refusals) == 2
        assert one.faults.calls["refuse"] == 0
        await one.inbox.flush()
        one.clock.advance(60)
        one.submit("billing", [("Stripe-Signature", "1")], b"{}")
        await one.inbox.flush()
        return one.faults.calls["refuse"]

    assert one.play(scenario) == 2
    assert one.read(lambda reader: reader.refusals()) == {
        "billing": {"malformed_request": 5001},
        UNKNOWN_SOURCE: {"unknown_source": 5000},
    }


def test_what_a_front_end_refused_is_counted_under_names_that_exist(rig):
    one = rig()

    async def scenario():
        one.inbox.refused("billing", "too_large")
        one.inbox.refused("x" * 1000, "too_large")
        await one.inbox.flush()

    one.play(scenario)
    assert one.read(lambda reader: reader.refusals()) == {
        "billing": {"too_large": 1},
        UNKNOWN_SOURCE: {"too_large": 1},
    }


def test_counts_that_could_not_be_written_are_written_later(rig):
    one = rig()
    one.faults.raising["refuse"] = StoreUnavailableError("locked")

    async def scenario():
        one.inbox.refused("billing", "too_large")
        with pytest.raises(StoreUnavailableError):
            await one.inbox.flush()
        one.inbox.refused("billing", "too_large")
        one.faults.raising.clear()
        await one.inbox.flush()

    one.play(scenario)
    assert one.read(lambda reader: reader.refusals()) == {"billing": {"too_large": 2}}


def test_repeats_are_counted_but_are_not_told_of_as_refused(rig):
    one = rig()

    async def scenario():
        await one.deliver()
        await one.deliver()
        await one.inbox.flush()

    one.play(scenario)
    assert one.read(lambda reader: reader.refusals()) == {"billing": {"duplicate": 1}}
    assert told(one, RequestsRefused) == []


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (StoreUnavailableError("full"), []),
        (StoreCorruptError("torn"), [("store", "StoreCorruptError: torn")]),
    ],
)
def test_a_store_that_cannot_take_an_event_is_answered_503_and_the_event_can_come_again(
    rig, error, fault
):
    """E18"""
    one = rig(concurrency=1)
    one.faults.raising["accept"] = error

    @one.on(name="handler")
    async def handler(event, job):
        pass

    async def scenario():
        await one.ready()
        refused = await one.deliver()
        assert one.worker.reserve(["handler"], "billing")  # what was kept for it is free again
        one.worker.unreserve(["handler"], "billing")
        one.faults.raising.clear()
        stored = await one.deliver()
        await one.until(one.attempts)
        await one.inbox.flush()
        return refused, stored

    assert one.play(scenario) == (UNAVAILABLE, STORED)
    assert (b"retry-after", b"5") in UNAVAILABLE.headers
    assert one.read(lambda reader: reader.refusals()) == {"billing": {"unavailable": 1}}
    assert [(f.doing, f.error) for f in told(one, ReceptionFault)] == fault


def test_a_defect_of_a_scheme_is_answered_503_and_told_without_what_it_said(rig):
    one = scripted(rig, ZeroDivisionError("the body was canary"))

    async def scenario():
        return await one.submit("custom", [], b"{}")

    assert one.play(scenario) == UNAVAILABLE
    (fault,) = told(one, ReceptionFault)
    assert (fault.doing, fault.error) == ("verify", "ZeroDivisionError")
