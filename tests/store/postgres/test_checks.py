"""What an engine on PostgreSQL says of what it stands on."""

import re
from uuid import UUID

import psycopg
import pytest

from hardpoint.store.postgres.checks import findings
from hardpoint.store.postgres.reader import PostgresReader
from hardpoint.store.retention import Retention
from hardpoint.store.views import NoStoreYetError
from hardpoint.testing.clock import ManualClock


def member(pid=7, *, receives=True, works=True, handlers=("mail",), host="web1"):
    facts = {"receives": receives, "works": works, "handlers": handlers}
    return {"id": UUID(int=pid), "host": host, "pid": pid, **facts}


OLD = {"receives": None, "works": None, "handlers": None}
WELL = {
    "processes": [member()],
    "waiting": [{"handler": "mail"}],
    "overdue": [{"events": 0, "days": None}],
    "abandoned": [{"jobs": 0}],
    "clock": [{"now": ManualClock().now()}],
    "durable": [{"synced": True, "whole": True, "standby": False}],
    "standbys": [{"standbys": 0, "named": "", "waiting": 0}],
    "snapshot": [],
    "bloat": [],
    "role": [{"name": "shop", "super": False, "more": False}],
}


class Told:
    """A connection on which each check finds what a test has laid down."""

    def __init__(self, **found):
        self._found = WELL | found

    def execute(self, sql, parameters=None):
        self._rows = self._found[_NAMES[re.sub(r"\s+", " ", sql)]]
        return self

    def fetchall(self):
        return self._rows

    def fetchone(self):
        return self._rows[0] if self._rows else None

    def __iter__(self):
        return iter(self._rows)


def _names():
    from hardpoint.store.statements import statements

    checks = statements("checks", "hardpoint.store.postgres")
    return {re.sub(r"\s+", " ", text): name for name, text in checks.items()}


_NAMES = _names()


def found(**rows):
    told = findings(Told(**rows), ManualClock(), retention=Retention())
    return {one.check: one for one in told}


def test_where_all_is_well_it_is_said_of_each():
    checks = found()

    assert {one.result for one in checks.values()} == {"ok"}
    assert checks["processes"].detail == "1 live: web1:7 (receives and works)"
    assert "handlers" not in checks
    assert "leases" not in checks


@pytest.mark.parametrize(
    ("rows", "check", "result", "detail"),
    [
        ({"processes": []}, "processes", "warn", "nobody receives or handles"),
        (
            {"processes": [member(works=False)]},
            *("processes", "warn", "1 live: web1:7 (receives); none of them runs handlers"),
        ),
        (
            {"processes": [member(1, works=False, handlers=["mail", "book"]), member(2)]},
            *("handlers", "warn", "web1:1 receives for book, which no process that works"),
        ),
        (
            {"processes": [member(1, works=False, handlers=[]), member(2)]},
            *("handlers", "warn", "web1:1 has not loaded mail: it gets nothing that is received"),
        ),
        (
            {"waiting": [{"handler": "mail"}, {"handler": "gone"}]},
            *("handlers", "warn", "events wait for gone, which no process"),
        ),
        (
            {"overdue": [{"events": 12, "days": 45.2}]},
            *("retention", "warn", "12 or more events are kept longer"),
        ),
        ({"abandoned": [{"jobs": 3}]}, "leases", "warn", "3 job"),
        ({"clock": [{"now": 0.0}]}, "clocks", "warn", "differ by"),
        (
            {"durable": [{"synced": False, "whole": True, "standby": False}]},
            "durability",
            "fail",
            "fsync = off",
        ),
        (
            {"durable": [{"synced": False, "whole": False, "standby": False}]},
            *("durability", "fail", "fsync = off and full_page_writes = off"),
        ),
        (
            {"durable": [{"synced": True, "whole": True, "standby": True}]},
            *("durability", "fail", "takes no writes"),
        ),
        (
            {"standbys": [{"standbys": 2, "named": "", "waiting": 0}]},
            *("standbys", "warn", "2 of them follow, and no commit waits for any"),
        ),
        (
            {"standbys": [{"standbys": 1, "named": "b", "waiting": 3, "seconds": 12.4}]},
            *("standbys", "fail", "3 commit(s) wait for a standby (b) that does not answer"),
        ),
        (
            {"snapshot": [{"pid": 9, "name": "report", "seconds": 601.0}]},
            *("oldest snapshot", "warn", "of report (server process 9) has been open for 10 min"),
        ),
        (
            {"bloat": [{"name": "job", "live": 10, "dead": 30_000}]},
            *("bloat", "warn", "hardpoint.job has 30000 dead rows beside 10"),
        ),
        (
            {"role": [{"name": "shop", "super": False, "more": True}]},
            *("database role", "warn", "shop may do more than it has to"),
        ),
        (
            {"role": [{"name": "postgres", "super": True, "more": True}]},
            *("database role", "warn", "postgres may do everything on this server"),
        ),
    ],
)
def test_what_is_not_well_is_told_with_a_remedy(rows, check, result, detail):
    one = found(**rows)[check]

    assert (one.result, one.fix is None) == (result, check == "leases")
    assert detail in one.detail


def test_leases_that_nobody_takes_over_want_a_server():
    assert found(processes=[], abandoned=[{"jobs": 3}])["leases"].fix == "hardpoint serve"


def test_a_standby_that_is_waited_for_is_named():
    one = found(standbys=[{"standbys": 2, "named": "any 1 (b, c)", "waiting": 0}])["standbys"]
    assert (one.result, one.detail) == ("ok", "a commit waits for a standby (any 1 (b, c))")


ROLE_FINDINGS = [
    (None, "ok", "job.write runs as shop, which could change the tables of the store too"),
    ([{"member": True, "reaches": False}], "ok", "job.write runs as writer"),
    ([{"member": True, "reaches": True}], "warn", "which may change the tables of the store"),
    ([{"member": False, "reaches": False}], "fail", "which shop may not become"),
    ([], "fail", "should run as writer, which there is not"),
]


@pytest.mark.parametrize(("rows", "result", "detail"), ROLE_FINDINGS)
def test_whose_rights_the_writes_of_the_application_have_is_said(rows, result, detail):
    told = Told() if rows is None else Told(writes=rows)
    role = None if rows is None else "writer"
    (one,) = [
        one for one in findings(told, ManualClock(), write_role=role) if one.check == "writes"
    ]
    assert (one.result, one.fix is None) == (result, result == "ok")
    assert detail in one.detail


@pytest.mark.parametrize(
    ("rows", "check"),
    [
        ({"snapshot": [{"pid": 9, "name": "report", "seconds": 20.0}]}, "oldest snapshot"),
        ({"snapshot": [{"pid": 9, "name": "report", "seconds": None}]}, "oldest snapshot"),
        ({"bloat": [{"name": "event", "live": 90_000, "dead": 30_000}]}, "bloat"),
        ({"bloat": [{"name": "job", "live": 0, "dead": 100}]}, "bloat"),
    ],
)
def test_what_passes_by_itself_is_no_trouble(rows, check):
    assert found(**rows)[check].result == "ok"


def test_what_is_kept_for_ever_is_never_late():
    assert "retention" not in {one.check for one in findings(Told(), ManualClock())}


def test_of_a_process_of_an_earlier_version_nothing_is_known():
    live = [member(1, works=False, handlers=["book"]), member(2) | OLD]
    checks = found(processes=live, waiting=[{"handler": "gone"}])

    assert checks["processes"].detail == "2 live: web1:1 (receives), web1:2"
    assert "handlers" not in checks


def test_many_processes_are_counted_and_the_first_named():
    live = [member(pid, host="web", receives=False, works=False) for pid in range(19)]
    live.append(member(99, host="web"))
    detail = found(processes=live)["processes"].detail

    assert detail.startswith("20 live: web:0, web:1,")
    assert detail.endswith("web:7, ...")


def test_a_reader_asks_the_database_itself(pg):
    async def story(desk):
        reader = PostgresReader(pg.url, clock=pg.clock, retention=Retention())
        checks = {one.check: one for one in reader.findings()}
        reader.close()
        assert checks["processes"].detail.startswith("1 live: ")
        assert checks["clocks"].result == "warn"  # the test's clock stands elsewhere
        assert checks["durability"].result == checks["bloat"].result == "ok"
        assert checks["database role"].result == "warn"
        assert checks["retention"].result == "ok"
        assert checks["writes"].result == "ok"
        reader = PostgresReader(pg.url, write_role="nobody_of_ours")
        assert [one.result for one in reader.findings() if one.check == "writes"] == ["fail"]
        reader.close()

    pg.play(story)


def test_a_database_without_a_store_says_that_there_is_none_yet(postgres_server):
    with psycopg.connect(postgres_server.format("postgres")) as connection:
        made = connection.execute("select to_regclass('hardpoint.meta')").fetchone()
    assert made == (None,)
    with pytest.raises(NoStoreYetError, match="no server has made it yet"):
        PostgresReader(postgres_server.format("postgres"))
