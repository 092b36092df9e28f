"""A PostgreSQL server from the wheel, as the tests start theirs."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_SCRIPT = Path(__file__).parents[1] / "tests" / "store" / "postgres" / "server.py"
_PATIENCE = 60.0


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of its databases, with `{}` for the name; in a folder that it removes at its end."""
    place = folder / "server"
    place.mkdir(mode=0o755)
    keeper = subprocess.Popen(["sleep", "infinity"])  # the server lives as long as this does
    process = subprocess.Popen([sys.executable, str(_SCRIPT), str(place), str(keeper.pid)])
    until = time.monotonic() + _PATIENCE
    try:
        while not (place / "address").exists():
            if process.poll() is not None or time.monotonic() > until:
                sys.exit("PostgreSQL did not start")
            time.sleep(0.02)
        yield (place / "address").read_text()
    finally:
        keeper.kill()
        keeper.wait()
        process.wait()


def made(url: str, name: str) -> str:
    """The URL of a database that is made now."""
    with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template template0")
    return url.format(name)
