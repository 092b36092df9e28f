"""What is a warning or worse reaches the standard logger `hardpoint`, whoever listens."""

import logging
from dataclasses import dataclass

import msgspec
import pytest

from hardpoint.core.correlation import correlation_id
from hardpoint.core.events import Listeners
from hardpoint.core.traces import Place
from hardpoint.store.driver import Outcome


class OrderLost(msgspec.Struct, frozen=True, kw_only=True):
    severity = "warning"
    event: str
    module: str = "shop"
    note: str | None = None
    exception: BaseException | None = None


class OrderShipped(msgspec.Struct, frozen=True, kw_only=True):
    order: str


@dataclass(frozen=True)
class Refused:
    severity = "error"
    key: object


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, "hardpoint")
    return caplog


def test_a_warning_reaches_the_logger_though_nobody_listens(log):
    Listeners().emit(OrderLost(event="0198", note="gone to sea"))

    (record,) = log.records
    assert (record.name, record.levelname) == ("hardpoint", "WARNING")
    assert record.getMessage() == "order_lost module=shop note='gone to sea' event_id=0198"


def test_its_facts_are_attributes_of_the_record_that_hide_none_of_logging(log):
    Listeners().emit(OrderLost(event="0198"))

    (record,) = log.records
    assert (record.event, record.event_id, record.module_) == ("order_lost", "0198", "shop")
    assert record.module == "logger"


def test_a_failure_comes_with_its_traceback(log):
    try:
        raise KeyError("sku")
    except KeyError as error:
        Listeners().emit(OrderLost(event="0198", exception=error))

    (record,) = log.records
    assert record.exc_info[0] is KeyError
    assert 'raise KeyError("sku")' in log.text
    assert "exception" not in record.getMessage()


def test_what_is_no_warning_stays_with_those_who_listen(log):
    heard = []
    Listeners(heard.append).emit(OrderShipped(order="1001"))

    assert heard
    assert log.records == []


def test_a_level_that_the_application_has_switched_off_costs_no_record(log):
    logger = logging.getLogger("hardpoint")
    logger.setLevel(logging.ERROR)
    Listeners().emit(OrderLost(event="0198"))

    assert log.records == []


def test_who_writes_a_log_of_its_own_spares_the_logger(log):
    class Own:
        writes_log = True

        def __call__(self, event):
            pass

    Listeners(Own()).emit(OrderLost(event="0198"))
    listeners = Listeners()
    remove = listeners.add(Own())
    listeners.emit(OrderLost(event="0198"))
    assert log.records == []

    remove()
    listeners.emit(OrderLost(event="0198"))
    assert len(log.records) == 1


def test_a_handler_or_filter_that_raises_is_counted_and_harms_nobody():
    def broken(record):
        raise ZeroDivisionError

    logger, listeners = logging.getLogger("hardpoint"), Listeners()
    logger.addFilter(broken)
    try:
        listeners.emit(OrderLost(event="0198"))
    finally:
        logger.removeFilter(broken)

    assert listeners.failures == 1


def test_a_record_carries_the_correlation_id_of_the_request(log):
    token = correlation_id.set("c-7")
    try:
        Listeners().emit(OrderLost(event="0198"))
    finally:
        correlation_id.reset(token)

    assert log.records[0].correlation_id == "c-7"


def test_a_value_that_is_no_plain_one_is_told_as_it_shows_itself(log):
    Listeners().emit(Refused(key=len))

    assert "key='<built-in function len>'" in log.records[0].getMessage()


def test_no_escape_sequence_of_a_vendor_reaches_a_terminal(log):
    Listeners().emit(OrderLost(event="0198", note="before\x1b[2J\nafter"))

    assert "note='before [2J after'" in log.records[0].getMessage()


def test_lists_enums_and_values_within_values_are_told_as_plain_ones(log):
    @dataclass(frozen=True)
    class Told:
        severity = "error"
        sources: tuple[str, ...]
        outcome: Outcome
        within: Refused

    Listeners().emit(Told(("a", "b"), Outcome.DEAD, Refused("k")))

    (record,) = log.records
    assert (record.sources, record.outcome, record.within) == (["a", "b"], "dead", {"key": "k"})


def test_a_place_in_the_code_is_told_as_one_text(log):
    @dataclass(frozen=True)
    class Broke:
        severity = "error"
        place: Place | None = None

    Listeners().emit(Broke(Place("app", 7, "boom")))

    (record,) = log.records
    assert record.getMessage() == "broke place='app:7 in boom'"
    assert record.place == {"module": "app", "line": 7, "function": "boom"}
