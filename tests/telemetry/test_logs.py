import io
import json
import logging

import msgspec
import pytest
import structlog

from hardpoint.core.correlation import correlation_id
from hardpoint.core.traces import Place
from hardpoint.store.driver import Outcome
from hardpoint.telemetry import logs
from hardpoint.webhooks.attempts import HandlerFinished


class OrderShipped(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    order: str
    outcome: Outcome = Outcome.DONE
    note: str | None = None


class ThingTraced(msgspec.Struct, frozen=True, kw_only=True):
    severity = "debug"
    order: str


class GateHeld(msgspec.Struct, frozen=True, kw_only=True):
    severity = "warning"
    event: str


class Terminal(io.StringIO):
    def isatty(self):
        return True


def attempt(**changes):
    facts = {
        "event_id": "0198",
        "source": "billing",
        "type": "payment_intent.succeeded",
        "vendor_id": None,
        "correlation_id": "c-1",
        "handler": "mark_paid",
        "attempt": 1,
        "outcome": Outcome.FAILED,
        "seconds": 0.25,
    }
    return HandlerFinished(**(facts | changes))


@pytest.fixture(autouse=True)
def restored():
    yield
    logs.reset()


def test_an_event_becomes_one_line_of_json_named_after_its_class():
    stream = io.StringIO()
    listener = logs.configure(stream)

    listener(OrderShipped(order="1001", outcome=Outcome.DEAD))

    (record,) = map(json.loads, stream.getvalue().splitlines())
    timestamp = record.pop("timestamp")
    assert timestamp.endswith("Z")
    assert record == {
        "event": "order_shipped",
        "level": "info",
        "order": "1001",
        "outcome": "dead",
    }


def test_the_level_is_what_the_event_says():
    stream = io.StringIO()
    listener = logs.configure(stream)

    listener(attempt(outcome=Outcome.DONE))
    listener(attempt(outcome=Outcome.DONE, refused=True))
    listener(attempt(outcome=Outcome.FAILED))
    listener(attempt(outcome=Outcome.DEAD))

    levels = [json.loads(line)["level"] for line in stream.getvalue().splitlines()]
    assert levels == ["info", "warning", "warning", "error"]


def test_what_is_for_debugging_only_is_not_written():
    stream = io.StringIO()
    logs.configure(stream)(ThingTraced(order="1001"))

    assert stream.getvalue() == ""


def test_a_field_that_is_called_event_does_not_hide_the_records_name():
    stream = io.StringIO()
    logs.configure(stream)(GateHeld(event="0198"))

    record = json.loads(stream.getvalue())
    assert record["event"] == "gate_held"
    assert record["event_id"] == "0198"


def test_the_straight_line_is_the_record_structlog_would_have_written():
    straight, through = io.StringIO(), io.StringIO()
    logs.configure(straight)(attempt(error="ValueError: no such order"))
    logs.configure(through)
    logs.Logs()(attempt(error="ValueError: no such order"))

    one, other = json.loads(straight.getvalue()), json.loads(through.getvalue())
    assert len(one.pop("timestamp")) == len(other.pop("timestamp"))
    assert one == other
    assert one["correlation_id"] == "c-1"
    assert "refused" not in one


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_failed_attempt_is_written_with_its_place_and_traceback(json_lines):
    stream = io.StringIO()
    try:
        raise KeyError("sku")
    except KeyError as error:
        failed = attempt(exception=error, place=Place("shop.orders", 41, "paid"))
    logs.configure(stream, json=json_lines)(failed)

    text = stream.getvalue()
    assert 'raise KeyError("sku")' in text.replace("\\", "")
    assert "shop.orders" in text
    if json_lines:
        record = json.loads(text)
        assert record["place"] == {"module": "shop.orders", "line": 41, "function": "paid"}
        assert record["exception"].endswith("KeyError: 'sku'")
    else:
        assert "place=shop.orders:41 in paid" in text.replace("'", "")


def test_every_line_of_json_has_one_style_whoever_wrote_the_record():
    stream = io.StringIO()
    listener = logs.configure(stream)

    listener(attempt())
    listener(attempt(error="a line\nand another"))
    listener(OrderShipped(order="1001"))
    structlog.get_logger().info("checked", stock=3)
    logging.getLogger("hardpoint").warning("a policy used alone")

    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    for line in lines:
        record = json.loads(line)
        assert [*record][:3] == ["timestamp", "level", "event"]
        assert line == json.dumps(record, separators=(",", ":"))


def test_to_set_it_up_again_replaces_what_was():
    first, second = io.StringIO(), io.StringIO()
    logs.configure(first)
    logs.configure(second)
    logging.getLogger("hardpoint").warning("once")

    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


@pytest.mark.parametrize("control", ["\x1b[31m", "\x9b31m", "\x7f", "\n", "\x00"])
@pytest.mark.parametrize("json_lines", [True, False])
def test_no_escape_sequence_of_a_vendor_reaches_a_terminal(control, json_lines):
    stream = io.StringIO()
    listener = logs.configure(stream, json=json_lines)

    listener(attempt(error=f"before{control}after"))
    listener(OrderShipped(order=f"before{control}after"))

    first, second, end = stream.getvalue().split("\n")
    assert control not in first + second + end
    assert "before" in first
    assert "before" in second


def test_a_person_at_a_terminal_reads_text_and_a_machine_reads_json():
    terminal, pipe = Terminal(), io.StringIO()
    logs.configure(terminal)(OrderShipped(order="1001"))
    logs.configure(pipe)(OrderShipped(order="1001"))

    assert "order_shipped" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    assert pipe.getvalue().startswith("{")


def test_text_for_a_file_or_for_a_person_who_wants_none_has_no_colours(monkeypatch):
    file, terminal = io.StringIO(), Terminal()
    logs.configure(file, json=False)(OrderShipped(order="1001"))
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure(terminal)(OrderShipped(order="1001"))

    assert "\x1b" not in file.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_a_record_of_the_users_own_carries_the_correlation_id_of_the_handler_it_is_made_in():
    stream = io.StringIO()
    logs.configure(stream)
    token = correlation_id.set("c-7")
    try:
        structlog.get_logger().info("checked", stock=3)
        structlog.get_logger().info("checked", correlation_id="own")
    finally:
        correlation_id.reset(token)
    structlog.get_logger().info("checked")

    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record.get("correlation_id") for record in records] == ["c-7", "own", None]


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_traceback_shows_lines_of_code_but_no_values_and_no_escapes(json_lines):
    stream = io.StringIO()
    logs.configure(stream, json=json_lines)
    secret = "whsec_canary"

    try:
        raise ValueError("vendor said \x1b[2J" + str(len(secret)))
    except ValueError:
        structlog.get_logger().exception("broke")

    text = stream.getvalue()
    assert "ValueError: vendor said" in text
    assert "whsec_canary" not in text
    assert "\x1b" not in text


def test_records_go_to_standard_error_by_default(capsys):
    logs.configure()(OrderShipped(order="1001"))

    assert "order_shipped" in capsys.readouterr().err
