"""PgBouncer before PostgreSQL: the store refuses it by name; the application may go through it."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool
from tests.servers.conftest import program

from hardpoint.core.errors import ConfigurationError
from hardpoint.store.driver import Completed
from hardpoint.store.migration import migration_plan
from hardpoint.store.postgres.opening import PostgresEngine

CONFIGURATION = """
[databases]
* = host={server} user=postgres

[pgbouncer]
pool_mode = {mode}
auth_type = any
listen_addr =
listen_port = 5432
unix_socket_dir = {folder}
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
"""
PATIENCE = 60.0
PAY = "insert into orders (id) values (1)"


@pytest.fixture(scope="module", params=["transaction", "session", "statement"])
def pooler(request, database):
    """The URL of the database through a pooler of this kind."""
    folder = Path(tempfile.mkdtemp(prefix="bouncer-"))  # a short path: it holds a socket
    folder.chmod(0o777)
    server = database.url.partition("?host=")[2]
    written = CONFIGURATION.format(server=server, mode=request.param, folder=folder)
    (folder / "pgbouncer.ini").write_text(written)
    command = [program(Path("pgbouncer")), str(folder / "pgbouncer.ini")]
    command += ["-u", "nobody"] * (os.getuid() == 0)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"{database.url.partition('?')[0]}?host={folder}"
    until = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(url).close()
            break
        except psycopg.OperationalError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.02)
    yield url
    process.kill()
    process.wait()
    shutil.rmtree(folder)


@pytest.fixture
def pg(database, postgres_stage):
    postgres_stage.kind = PostgresEngine
    postgres_stage.limits |= {"expires": 60.0}
    return postgres_stage


def refused(work):
    with pytest.raises(ConfigurationError, match="leads to a pooler") as caught:
        work()
    assert "the server itself" in caught.value.fix


def test_the_store_refuses_it_by_name_however_many_ask(pg, pooler):
    async def crowd():
        ends = await asyncio.gather(
            *(PostgresEngine(pooler).open() for _ in range(8)), return_exceptions=True
        )
        for end in ends:
            assert isinstance(end, ConfigurationError), end
            assert "leads to a pooler" in str(end)

    for _ in range(3):
        asyncio.run(crowd())
    refused(lambda: asyncio.run(PostgresEngine(pooler).open()))


def test_so_does_the_command_that_migrates(pg, pooler):
    refused(lambda: migration_plan(pooler))


async def of_asyncpg(url, complete_in):
    connection = await asyncpg.connect(url, statement_cache_size=0)
    async with complete_in(connection):
        await connection.execute(PAY)
    await connection.close()


async def of_psycopg(url, complete_in):
    def work():
        opened = closing(psycopg.connect(url, prepare_threshold=None))
        with opened as connection, complete_in(connection):
            connection.execute(PAY)

    await asyncio.to_thread(work)


async def of_session(url, complete_in):
    def work():
        engine = sqlalchemy.create_engine(
            url.replace("postgresql:", "postgresql+psycopg:"),
            poolclass=NullPool,
            connect_args={"prepare_threshold": None},
        )
        with Session(engine) as session, complete_in(session):
            session.execute(sqlalchemy.text(PAY))

    await asyncio.to_thread(work)


@pytest.mark.parametrize("way", [of_asyncpg, of_psycopg, of_session])
def test_the_application_completes_its_jobs_through_it(pg, pooler, way):
    """One that gives each statement another server has no transactions, and says so."""
    statements = "statement" in Path(pooler.partition("?host=")[2], "pgbouncer.ini").read_text()

    async def story(desk):
        pg.database.beside.execute("create table orders (id integer)")
        lease = await desk.leased()

        def complete_in(target):
            return desk.store.complete_in(lease, target, started_at=1.0)

        if statements:
            with pytest.raises(Exception, match="transaction"):
                await way(pooler, complete_in)
        else:
            await way(pooler, complete_in)
        assert desk.query("select count(*) from orders") == [(0 if statements else 1,)]
        left = Completed.RECORDED if statements else Completed.REFUSED
        assert await desk.complete(lease) is left

    pg.play(story)
