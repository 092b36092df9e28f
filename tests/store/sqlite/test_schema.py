import re
import sqlite3

from hardpoint.store.sqlite import schema
from hardpoint.store.statements import MARK, schema_scripts, statements


def test_there_is_one_script_for_each_version():
    assert len(schema_scripts()) == schema.VERSION


def test_a_store_is_made_in_one_transaction():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("begin")
    schema.migrate(connection, 0)
    assert connection.in_transaction
    connection.execute("rollback")
    assert connection.execute("select count(*) from sqlite_master").fetchone() == (0,)
    connection.close()


def test_jobs_of_the_version_before_are_put_into_their_lanes():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    lanes = next(n for n, text in enumerate(schema_scripts()) if "column lane" in text)
    for script in schema_scripts()[:lanes]:
        connection.executescript(script)
    connection.execute("insert into hardpoint_meta values ('schema', ?)", [lanes])
    connection.execute(
        "insert into hardpoint_event values"
        " ('e1', 'shop', 'k', null, 't', null, 0, 0, null, 'c', x'', 0, null, 2, 1)"
    )
    for handler in ("forward", "mark_paid"):
        connection.execute(
            "insert into hardpoint_job (event, handler, run_at, fence, suspect)"
            " values ('e1', ?, 0, 1, 1)",
            [handler],
        )
    schema.migrate(connection, lanes)
    found = connection.execute("select handler, lane, suspect from hardpoint_job").fetchall()
    connection.close()
    assert found == [("forward", "forward/shop", 0), ("mark_paid", "mark_paid", 1)]


def test_every_table_and_index_carries_our_prefix():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, 0)
    names = connection.execute(
        "select name from sqlite_master where name not like 'sqlite_%'"
    ).fetchall()
    connection.close()
    assert names
    assert all(name.startswith("hardpoint_") for (name,) in names)


def test_each_opening_has_a_number_of_its_own():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, 0)
    assert [schema.next_boot(connection) for _ in range(3)] == [1, 2, 3]
    connection.close()


def test_every_statement_is_marked_and_understood_by_this_sqlite():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, 0)
    for topic in ("accepts", "calls", "completions", "jobs", "operations", "reader", "retention"):
        for text in statements(topic).values():
            assert text.startswith(MARK)
            if text.startswith((f"{MARK}savepoint", f"{MARK}release", f"{MARK}rollback")):
                continue
            names = re.findall(r"(?<!-- name):([a-z_]+)", text)
            values = dict.fromkeys(names) if names else [None] * text.count("?")
            assert connection.execute(f"explain {text}", values).fetchall()
    connection.close()


def test_the_hot_statements_use_their_indexes():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, 0)

    def plan(topic, name):
        text = statements(topic)[name]
        rows = connection.execute(f"explain query plan {text}", [None] * text.count("?"))
        return [row[3] for row in rows]

    lane = "USING INDEX hardpoint_job_lane (lane"
    assert f"SEARCH j {lane}=? AND run_at<?)" in plan("jobs", "due")
    assert f"{lane}=?)" in plan("jobs", "next_of_lane")[0].replace("COVERING ", "")
    assert f"{lane}>?)" in plan("jobs", "next_lane")[0].replace("COVERING ", "")
    for name in ("due", "suspect", "next_of_lane", "next_lane"):
        assert not any("TEMP B-TREE" in step for step in plan("jobs", name))
    assert "USING INDEX hardpoint_job_suspect" in plan("jobs", "suspect")[0]
    assert "USING INDEX hardpoint_event_key" in plan("accepts", "by_key")[0]
    assert "USING INDEX hardpoint_event_body" in plan("accepts", "by_body")[0]
    assert "hardpoint_event_quarantine" in plan("accepts", "repeats")[0]
    for name, index in {
        "stray": "hardpoint_call_job",
        "taken": "hardpoint_call_subject",
        "alike": "hardpoint_call_likeness",
        "take_over": "hardpoint_call_open",
        "clear": "hardpoint_call_job",
    }.items():
        assert any(index in step for step in plan("calls", name)), name
    for name, index in (("drop_result", "result"), ("drop_call", "ended")):
        assert any(f"hardpoint_call_{index}" in step for step in plan("retention", name)), name
    connection.close()
