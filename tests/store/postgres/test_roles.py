"""What a role or a database has been given as its settings."""

import asyncio

from hardpoint.store.postgres.connections import Link

WEAKER = {
    "synchronous_commit": "off",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
}


def test_what_a_role_weakens_is_as_strong_as_it_has_to_be(pg):
    """For each kind of connection there is."""
    beside, name = pg.database.beside, pg.database.beside.info.dbname
    for setting, value in WEAKER.items():
        beside.execute(f"alter database {name} set {setting} = '{value}'")

    async def story(desk):
        await desk.accept("evt_1")
        links = [
            link
            for part in (desk.store._opened.session, desk.store._opened.session._writing)
            for value in vars(part).values()
            for link in (value if isinstance(value, list) else [value])
            if isinstance(link, Link)
        ]
        assert len(links) > 5
        for link in (*links, *desk.store._opened.lent._links):

            async def shown(connection):
                return [await connection.fetchval(f"show {setting}") for setting in WEAKER]

            work = desk.store._opened.thread.submit(link.run(shown))
            assert await asyncio.wrap_future(work) == ["on", "read committed", "off"]

    try:
        pg.play(story)
    finally:
        for setting in WEAKER:
            beside.execute(f"alter database {name} reset {setting}")
