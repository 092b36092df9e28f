"""Sections that no fork may cut through, and forks that wait for them."""

import os
import threading

from hardpoint.core import forks
from hardpoint.core.forks import ForkGate, undivided


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
            assert gate._inside == {threading.get_ident(): 2}
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
