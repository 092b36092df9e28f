"""Several processes on one store, each making calls under the same keys, of which one dies often.

Run as `python once_crowd.py FOLDER KILLS SEED`. It loads everything once and forks each caller.
The owner of the store is killed and followed by another caller, `KILLS` times. What each caller
does is a line in `ledger`. At the end it prints the numbers of the processes that were killed.
"""

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from hardpoint.core.errors import OutcomeUnknownError, StoreUnavailableError, UnavailableError
from hardpoint.hub.settings import Settings, StoreSettings
from hardpoint.sync import Hub

CALLERS = 3
KEYS = 40


def calling(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    ledger = os.open(folder / "ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tell(what: str, key: str) -> None:
        os.write(ledger, f"{what} {key} {os.getpid()}\n".encode())

    def act(key: str) -> str:
        tell("acts", key)
        time.sleep(chance.uniform(0, 0.01))
        tell("acted", key)
        return key

    turn = 0
    with Hub(Settings(store=StoreSettings(path=folder / "shop.db"))) as hub:
        while not (folder / "over").exists():
            turn += 1
            key = f"{turn // KEYS}-{chance.randrange(KEYS)}"
            try:
                assert hub.once(key, act, key) == key
            except OutcomeUnknownError:
                tell("unknown", key)
            except StoreUnavailableError:
                tell("unavailable", key)
            except UnavailableError:
                tell("busy", key)


def size(folder: Path) -> int:
    with suppress(FileNotFoundError):
        return (folder / "ledger").stat().st_size
    return 0


def main(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)

    def another() -> int:
        number = chance.randrange(1 << 30)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                calling(folder, number)
                code = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        return child

    callers = {another() for _ in range(CALLERS)}
    killed: list[int] = []
    until = time.monotonic() + 20 * kills + 60
    while len(killed) < kills and time.monotonic() < until:
        grown = size(folder) + chance.randrange(40, 2000)
        while size(folder) < grown and time.monotonic() < until:
            time.sleep(0.005)
        with suppress(OSError, ValueError):
            owner = int((folder / "shop.db.lock").read_text())
            if owner in callers:
                os.kill(owner, signal.SIGKILL)
                os.waitpid(owner, 0)
                callers.remove(owner)
                killed.append(owner)
                callers.add(another())
    (folder / "over").touch()
    ends = [os.waitpid(one, 0)[1] for one in callers]
    sys.stdout.write(json.dumps([killed, ends]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
