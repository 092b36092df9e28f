"""Calls under the same keys from several processes, whose owner of the store is killed often.

No key acts twice. A call is in doubt only where the process that made it has died; while it lives,
whoever owns the store, it is not. `HARDPOINT_KILLS` says how often one dies, `HARDPOINT_SEED`
repeats a run.
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

KILLS = max(3, int(os.environ.get("HARDPOINT_KILLS", "30")) // 6)


def test_no_key_acts_twice_and_none_is_in_doubt_whose_caller_lives(tmp_path):
    seed = int(os.environ.get("HARDPOINT_SEED") or random.SystemRandom().randrange(1 << 30))
    crowd = Path(__file__).with_name("once_crowd.py")
    command = [sys.executable, crowd, tmp_path, str(KILLS), str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    killed, ends = json.loads(done.stdout)
    assert ends == [0] * 3, done.stderr
    assert len(killed) == KILLS
    lines = [line.split() for line in (tmp_path / "ledger").read_text().splitlines()]
    acts = {key: int(pid) for what, key, pid in lines if what == "acts"}
    counts = Counter(key for what, key, _ in lines if what == "acts")
    assert [key for key, count in counts.items() if count > 1] == [], seed
    ended = {key for what, key, _ in lines if what == "acted"}
    assert all(acts[key] in killed for key in acts.keys() - ended), seed
    unknown = {key for what, key, _ in lines if what == "unknown"}
    assert [key for key in unknown if acts.get(key, killed[0]) not in killed] == [], seed
    assert len(list((tmp_path / "shop.db.live").glob("*"))) < KILLS  # the dead are swept
