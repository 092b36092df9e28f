"""`hardpoint store` where the store is a file."""

import asyncio

import pytest

from hardpoint.store.sqlite import SqliteStore
from hardpoint.store.sqlite.schema import VERSION


async def made(path):
    store = SqliteStore(path)
    await store.open()
    await store.close()


def test_a_file_needs_no_migration(cli, config):
    before = cli("store", "migrate")
    assert before.code == 0
    assert "whoever opens it next brings them up" in before.out
    asyncio.run(made(config.with_name("hardpoint.db")))
    after = cli("store", "migrate", "--json")
    facts = {"engine": "sqlite", "found": VERSION, "wanted": VERSION, "steps": []}
    assert after.data == {**facts, "version": VERSION}
    assert f"version {VERSION}" in cli("store", "migrate", "--url", "sqlite:hardpoint.db").out


@pytest.mark.parametrize(
    "url", ["postgresql://shop:hunter2@db/shop", "postgresql://db/shop?password=hunter2"]
)
def test_a_password_on_the_command_line_is_refused_without_being_repeated(cli, folder, url):
    run = cli("store", "copy", "sqlite:hardpoint.db", url)
    assert run.code == 2
    assert "hunter2" not in run.err
    assert "env:NAME" in run.err


def test_what_cannot_be_copied_is_told(cli, folder):
    run = cli("store", "copy", "sqlite:hardpoint.db", "postgresql:///shop")
    assert run.code == 4
    assert "hardpoint.db does not exist" in run.err
