"""Signing in and connecting, attacked, where flows, sessions and accounts are in PostgreSQL."""

import os

import psycopg
import pytest
from tests.acceptance.test_oauth_attacks import *  # noqa: F403 - the tests
from tests.acceptance.test_oauth_attacks import Site

from hardpoint.store.postgres.vault import VaultDatabase

TABLES = ("connection", "credential", "key", "client", "flow", "session")


@pytest.fixture(scope="module")
def make_site(postgres_server):
    """Every site finds the vault empty; each test has browsers of its own."""
    name = f"hardpoint_signing_in_{os.getpid()}"
    url = postgres_server.format(name)

    def make(folder, registrations):
        file = VaultDatabase(url, spool=folder / "vault.db")
        file.open()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("".join(f"delete from hardpoint.{table};" for table in TABLES))
        return Site(folder, registrations, file=file)

    with psycopg.connect(postgres_server.format("postgres"), autocommit=True) as beside:
        beside.execute(f"create database {name} template template0")
        yield make
        beside.execute(f"drop database {name} with (force)")
