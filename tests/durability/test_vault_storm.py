"""Four processes that refresh one connection while some are stopped, and some killed.

Whoever holds the lease may be among them: nobody knows. `HARDPOINT_KILLS` says how often one dies,
`HARDPOINT_SEED` which; `make durability` does more of it than `make test`.
"""

import os
import random
import signal

import pytest
from tests.durability.test_vault_processes import Held, World, worker  # noqa: F401 - a fixture

ROUNDS = max(2, int(os.environ.get("HARDPOINT_KILLS", "0")) // 12)
SEED = int(os.environ.get("HARDPOINT_SEED", "0"))
LIFE = 3600.0
LEASE = "3"
ROTATIONS = ("strict", "static") if ROUNDS > 2 else ("strict",)


class Storm:
    """The four, whoever of them lives."""

    def __init__(self, there):
        self.there = there
        self.chance = random.Random(SEED)
        self.living = there.start(*("alone",) * 4)

    def refresh(self, offset):
        """All are asked at once, and stand still when the first request has arrived."""
        held = Held(self.there.server)
        self.there.http.app = held
        for process in self.living:
            process.ask(offset)
        assert held.arrived.wait(30)
        for process in self.living:
            process.process.send_signal(signal.SIGSTOP)
        return held

    def strike(self, held):
        """Two die; the others go on when the answer is there."""
        victims = self.chance.sample(self.living, 2)
        for victim in victims:
            victim.process.kill()
            victim.process.wait()
        held.released.set()
        self.living = [one for one in self.living if one not in victims]
        for process in self.living:
            process.process.send_signal(signal.SIGCONT)
        answers = [process.answer() for process in self.living]
        self.there.http.app = self.there.server
        return answers

    def reinforced(self):
        """Two others come in place of those who died."""
        self.living += self.there.start("alone", "alone")


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_grant_outlives_whoever_dies_and_nothing_that_was_used_up_is_sent_again(
    worker,  # noqa: F811 - the fixture
    tmp_path,
    monkeypatch,
    rotation,
):
    monkeypatch.setenv("VAULT_LEASE", LEASE)
    grants = 1
    with World(worker, tmp_path / "vault.db", rotation) as there:
        there.connect("c0")
        storm = Storm(there)
        for offset in (number * (LIFE + 1) for number in range(1, ROUNDS + 1)):
            if len(storm.living) < 4:
                storm.reinforced()
            answers = storm.strike(storm.refresh(offset))
            assert answers[0] == answers[1], "those who live agree"
            there.clock.offset = offset
            if answers[0] == [("error", "ReauthorizationRequiredError")]:
                assert rotation == "strict", "a static grant is never lost"
                assert there.vault.status("c0").reason == "lost_answer"
                there.connect("c0")
                grants += 1
            else:
                assert answers[0] == [("c0", there.vault.access_token("c0").reveal())]
        assert there.server.ledger.count("refused") == 0
        assert all(there.server.alive(number) for number in range(1, grants + 1))
        assert there.server.ledger.count("refresh") <= (1 if rotation == "strict" else 2) * ROUNDS
