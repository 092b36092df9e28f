"""An application's folder and its database on a PostgreSQL server."""

import json
import os
import time
from collections.abc import Generator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cli.conftest import Screen
from tests.store.postgres.conftest import (
    postgres_server as postgres_server,  # noqa: PLC0414 - a fixture, for the tests here
)

from hardpoint.cli.main import main
from hardpoint.cli.terminal import Terminal
from hardpoint.core.identifiers import Uuid7
from hardpoint.runtime.clocks import SystemClock

_numbers = count()

SECRET = "whsec_c2hvcCBvbiBQb3N0Z3JlU1FMLCBpdHMgdGVzdCBzZWNyZXQ="
CONFIGURATION = """
[store]
url = "env:SHOP_DATABASE"

[vault]
keyring = "env:SHOP_KEYRING"

[webhooks.shop]
provider = "standard"
secrets = ["env:SHOP_SECRET"]
"""
KEYRING = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
TABLES = "create table marked (number integer, kind text)"


class Site:
    """A folder with a configuration, and a database of its own.

    Attributes:
        url: of the database.
        beside: a connection to it.
        environment: for processes of the application.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.config = folder / "hardpoint.toml"
        self.config.write_text(CONFIGURATION)
        self.environment = {
            **os.environ,
            "SHOP_DATABASE": url,
            "SHOP_KEYRING": KEYRING,
            "SHOP_SECRET": SECRET,
            "SHOP_CONFIG": str(self.config),
        }
        self.beside: Any = psycopg.connect(url, autocommit=True)
        self.beside.execute(TABLES)

    def value(self, sql: str, *parameters: Any) -> Any:
        """The first value that a query gives."""
        return self.beside.execute(sql, parameters).fetchone()[0]

    def command(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints for programs; it has to end with this code."""
        said, told = Screen(), Screen()
        terminal = Terminal(
            stdin=Screen(),
            stdout=said,
            stderr=told,
            clock=SystemClock(),
            ids=Uuid7(),
            ask_secret=str,
            sleep=time.sleep,
        )
        assert main([*arguments, "--json"], terminal) == code, (said.text(), told.text())
        return json.loads(said.text())["data"]


@pytest.fixture
def site(postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Site]:
    """A database that was made just now, and is dropped afterwards."""
    name = f"hardpoint_site_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template template0")
    made = Site(tmp_path, postgres_server.format(name))
    monkeypatch.chdir(tmp_path)
    for key in ("SHOP_DATABASE", "SHOP_KEYRING", "SHOP_SECRET"):
        monkeypatch.setenv(key, made.environment[key])
    yield made
    made.beside.close()
    with psycopg.connect(postgres_server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")
