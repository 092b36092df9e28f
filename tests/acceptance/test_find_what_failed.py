"""The way from a failed payment to a marked order, by the command line: on SQLite, four workers."""

import sqlite3
from contextlib import closing

from tests.acceptance.journey import SECRET, travel

CONFIGURATION = """
[store]
url = "sqlite:shop.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:HOOK"]
"""


def test_what_failed_yesterday_is_found_mended_and_handled_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK", SECRET)
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)

    def ask(statement):
        with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
            return [row[0] for row in connection.execute(statement).fetchall()]

    ask("create table orders (number text, state text)")
    travel(tmp_path, lambda: ask("select number from orders"))
