"""Look-ups of names: shared, bounded in number and in time."""

import asyncio
import socket
import threading

import pytest

from hardpoint.core.errors import UnavailableError
from hardpoint.http.messages import Request
from hardpoint.http.wire import names

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]


class NameServer:
    """Says nothing until it is told to."""

    def __init__(self):
        self.asked = []
        self.go = threading.Event()

    def __call__(self, host, *_arguments, **_options):
        self.asked.append(host)
        self.go.wait(10)
        return FOUND


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(names, "_look_ups", names._LookUps())
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server)
    yield server
    server.go.set()


def threads():
    return [one for one in threading.enumerate() if one.name == "hardpoint-dns"]


def ended():
    for one in threads():
        one.join(10)
    return not threads()


def test_all_who_ask_for_a_name_share_one_look_up(server):
    with (
        names._look_ups.asked(("vendor.example", 443)) as first,
        names._look_ups.asked(("vendor.example", 443)) as second,
    ):
        assert first is second
        server.go.set()
        assert first.result(10) == FOUND
    assert server.asked == ["vendor.example"]
    assert names.look_up_blocking("vendor.example", 443, 10) == FOUND
    assert ended()


def test_who_asks_for_what_is_looked_up_already_begins_nothing(server):
    with names._look_ups.asked(("vendor.example", 443)):
        while not server.asked:
            assert not server.go.wait(0.001)
        with pytest.raises(TimeoutError):
            names.look_up_blocking("vendor.example", 443, 0.01)
        assert len(threads()) == 1
    server.go.set()
    assert ended()


def test_a_signals_handler_may_ask_where_another_is_asking(server):
    server.go.set()
    with names._look_ups._lock, pytest.raises(TimeoutError):
        names.look_up_blocking("vendor.example", 443, 0.01)  # it waits, if not for ever
    assert names.look_up_blocking("vendor.example", 443, 10) == FOUND
    assert ended()


def test_a_slow_name_server_has_its_time(server):
    with pytest.raises(TimeoutError):
        names.look_up_blocking("slow.example", 443, 0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(names.look_up("slow.example", 443, 0.01))


def test_a_look_up_that_hangs_is_shared_with_nobody_who_comes_much_later(server, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(names, "monotonic", lambda: clock[0])
    asked = [(0.0, 1), (9.0, 1), (2.0, 2), (19.0, 2), (2.0, 3), (39.0, 3), (2.0, 4)]
    for passed, count in asked:  # each is waited for twice as long as the last
        clock[0] += passed
        with names._look_ups.asked(("hangs.example", 443)):
            while len(server.asked) < count:  # it has begun by then
                assert not server.go.wait(0.001)
        assert len(server.asked) == count
    server.go.set()
    assert ended()
    assert names.look_up_blocking("hangs.example", 443, 10) == FOUND
    assert server.asked == ["hangs.example"] * 5


def test_names_that_hang_take_a_bounded_number_of_threads(server, monkeypatch, shells):
    monkeypatch.setattr(names, "LOOK_UPS_MAX", 3)
    transport = shells.open(connect_timeout=0.02)
    for number in range(6):
        request = Request(method="GET", url=f"https://vendor{number}.example/")
        with pytest.raises(UnavailableError) as caught:
            shells.do(transport.send(request))
        assert caught.value.outcome_known
    assert len(threads()) == 3
    assert len(server.asked) == 3  # those that were given up before their turn are not asked for
    server.go.set()
    assert ended()
    assert names.look_up_blocking("vendor.example", 443, 10) == FOUND


def test_names_of_strangers_that_hang_hold_up_nobody_elses(server, monkeypatch):
    monkeypatch.setattr(names, "LOOK_UPS_MAX", 1)
    monkeypatch.setattr(names, "_of_strangers", names._LookUps())
    with pytest.raises(TimeoutError):
        names.look_up_blocking("hangs.example", 443, 0.01, trusted=False)
    with pytest.raises(TimeoutError):
        asyncio.run(names.look_up("hangs.example", 443, 0.01, trusted=False))
    with names._look_ups.asked(("vendor.example", 443)) as found:
        server.go.set()
        assert found.result(10) == FOUND


def test_a_name_in_the_queue_has_its_turn(server, monkeypatch):
    monkeypatch.setattr(names, "LOOK_UPS_MAX", 1)
    with (
        names._look_ups.asked(("one.example", 443)) as one,
        names._look_ups.asked(("two.example", 443)) as two,
    ):
        server.go.set()
        assert (one.result(10), two.result(10)) == (FOUND, FOUND)
    assert server.asked == ["one.example", "two.example"]


class NoThreadError(RuntimeError):
    pass


def no_thread(**_options):
    raise NoThreadError


def test_where_the_system_has_no_thread_there_is_no_address(server, monkeypatch):
    monkeypatch.setattr(threading, "Thread", no_thread)
    with pytest.raises(OSError):
        names.look_up_blocking("vendor.example", 443, 1)
    monkeypatch.undo()
    assert names.look_up_blocking("127.0.0.1", 443, 10)


def test_where_it_has_no_more_the_others_do_the_work(server, monkeypatch):
    with names._look_ups.asked(("one.example", 443)) as one:
        monkeypatch.setattr(threading, "Thread", no_thread)
        with names._look_ups.asked(("two.example", 443)) as two:
            server.go.set()
            assert (one.result(10), two.result(10)) == (FOUND, FOUND)


def test_a_label_that_is_too_long_is_no_name():
    with pytest.raises(OSError):
        names.look_up_blocking("a" * 70 + ".example", 443, 5.0)


def test_a_child_looks_names_up_anew(server):
    with (
        names._look_ups.asked(("vendor.example", 443)) as first,
        names._look_ups._lock,  # whoever holds it is the parent's
    ):
        names._look_ups.forget()
        with names._look_ups.asked(("vendor.example", 443)) as second:
            assert second is not first
            server.go.set()
            assert second.result(10) == FOUND
