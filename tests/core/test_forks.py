"""Sections that no fork may cut through, and forks that wait for them."""

import os
import threading

import pytest

from hardpoint.core import forks
from hardpoint.core.forks import ForkGate, MadeOnce, undivided


def others(gate, entered, over):
    """A thread that is inside a section until it is told to go."""

    def stay():
        with gate.section():
            entered.set()
            over.wait(30)

    thread = threading.Thread(target=stay)
    thread.start()
    entered.wait(30)
    return thread


def test_a_fork_waits_for_the_sections_of_other_threads():
    gate, entered, over = ForkGate(30), threading.Event(), threading.Event()
    thread = others(gate, entered, over)
    forked = threading.Event()

    def fork():
        gate.before()
        forked.set()
        gate.after_in_parent()

    forking = threading.Thread(target=fork)
    forking.start()
    while not gate._forks:
        pass
    assert not forked.is_set()
    over.set()
    forking.join(30)
    thread.join(30)
    assert forked.is_set()


def test_no_section_begins_while_a_process_forks():
    gate, entered, over = ForkGate(30), threading.Event(), threading.Event()
    gate.before()
    entering = threading.Thread(target=lambda: others(gate, entered, over).join(30))
    over.set()
    entering.start()
    assert not gate._inside
    gate.after_in_parent()
    entering.join(30)
    assert entered.is_set()


def test_a_section_within_a_section_does_not_wait_for_a_fork_that_waits_for_it():
    gate = ForkGate(30)
    with gate.section():
        gate._forks += 1
        with gate.section():
            assert len(gate._inside[threading.get_ident()]) == 2
        gate._forks -= 1
    assert not gate._inside


def test_neither_waits_longer_than_its_patience():
    gate, entered, over = ForkGate(0.01), threading.Event(), threading.Event()
    thread = others(gate, entered, over)
    gate.before()
    with gate.section():
        assert len(gate._inside) == 2
    over.set()
    thread.join(30)


def test_a_child_knows_whether_a_section_was_cut():
    gate, entered, over = ForkGate(0.01), threading.Event(), threading.Event()
    gate.before()
    gate.forget()
    assert not gate.interrupted
    thread = others(gate, entered, over)
    changed = gate._changed
    gate.before()
    inside = dict(gate._inside)
    gate.forget()
    assert gate.interrupted
    assert not gate._inside
    gate._changed, gate._inside = changed, inside  # as the parent has them
    over.set()
    thread.join(30)
    gate.forget()
    assert gate.interrupted, "what was lost stays lost, in this process and its children"


def test_who_forks_inside_its_own_section_does_not_wait_for_itself(forked):
    with undivided():
        assert forked(forks.interrupted) is True
    assert forked(forks.interrupted) is False
    assert not forks.interrupted()


def test_forks_of_several_threads_wait_for_no_one_in_vain(forked):
    children = []
    threads = [
        threading.Thread(target=lambda: children.append(forked(os.getpid))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(children)) == 3


def test_what_is_made_when_needed_is_made_once_however_many_threads_ask():
    made, together, found = [], threading.Barrier(8, timeout=30), []

    def make():
        made.append(object())
        while len(waiting) < 8:  # everybody has asked by now
            pass
        return made[-1]

    def ask():
        together.wait()
        waiting.append(None)
        found.append(once.get())

    waiting, once = [], MadeOnce(make)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 1
    assert set(found) == {made[0]}


def test_what_could_not_be_made_is_tried_anew_and_what_was_taken_is_made_anew():
    tries = []

    def make():
        tries.append(None)
        if len(tries) == 1:
            raise ValueError
        return len(tries)

    once = MadeOnce(make)
    with pytest.raises(ValueError):
        once.get()
    assert once.known() is None
    assert once.take() is None
    assert once.get() == once.get() == once.known() == 2
    assert once.take() == 2
    assert once.get() == 3


def test_a_child_is_not_held_up_by_a_thread_that_was_making_something():
    making, over, made = threading.Event(), threading.Event(), []

    def make():
        making.set()
        over.wait(30)
        made.append(None)
        return len(made)

    once = MadeOnce(make)
    thread = threading.Thread(target=once.get)
    thread.start()
    making.wait(30)
    once.forget()  # what a fork does in the child, where that thread is not
    over.set()
    assert once.get() in {1, 2}
    thread.join(30)


def test_a_section_whose_end_is_interrupted_ends(monkeypatch):
    class StopError(BaseException):
        """A signal's handler raised it."""

    gate, interruptions = ForkGate(30), [StopError()]
    left = gate._left

    def interrupted(me, mine):
        if interruptions:
            raise interruptions.pop()
        left(me, mine)

    monkeypatch.setattr(gate, "_left", interrupted)
    with pytest.raises(StopError), gate.section():
        pass
    assert not gate._inside
