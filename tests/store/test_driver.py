import pytest

from hardpoint.store.driver import Event


def an_event(body: bytes) -> Event:
    return Event(
        id="1",
        source="billing",
        vendor_id="evt_1",
        type="payment.succeeded",
        account=None,
        received_at=0.0,
        correlation_id="c",
        headers={},
        body=body,
    )


def test_an_event_decodes_its_body_when_asked():
    assert an_event(b'{"paid": [1, true]}').json() == {"paid": [1, True]}


def test_a_body_that_is_not_json_is_a_value_error():
    with pytest.raises(ValueError, match="truncated"):
        an_event(b"{").json()
