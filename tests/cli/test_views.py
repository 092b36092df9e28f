import msgspec
import pytest

from hardpoint.cli.tables import Table
from hardpoint.cli.views import event_data, event_page, moment
from hardpoint.store.views import EventSummary, EventView, State


@pytest.fixture
def view() -> EventView:
    return EventView(
        summary=EventSummary(
            id="0190",
            source="billing",
            vendor_id=None,
            type="payment.succeeded",
            account=None,
            received_at=1_700_000_000.0,
            correlation_id="c-1",
            state=State.DONE,
            attempts=0,
        ),
        headers={},
        body=None,
        body_bytes=7,
        body_sha256="ab",
        signed_at=None,
        jobs=(),
        attempts=(),
        dead=(),
    )


def test_a_moment_is_told_in_utc() -> None:
    assert moment(1_700_000_000.9) == "2023-11-14T22:13:20Z"
    assert moment(None) == "-"


def test_what_is_not_there_is_a_dash(view: EventView) -> None:
    page = list(event_page(view))
    assert not any(isinstance(part, Table) for part in page)
    assert "event        -" in page
    assert "signed       -" in page
    assert "body         7 bytes, sha256 ab" in page


def test_a_body_that_retention_took_is_said_to_be_gone(view: EventView) -> None:
    assert list(event_page(view))[-1] == "(the body was removed after its retention)"
    assert (event_data(view)["body"], event_data(view)["body_base64"]) == (None, None)


def test_an_empty_body_is_text(view: EventView) -> None:
    empty = msgspec.structs.replace(view, body=b"")
    assert (event_data(empty)["body"], event_data(empty)["body_base64"]) == ("", None)
