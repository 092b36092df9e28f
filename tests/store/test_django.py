"""A transaction of Django's that we begin and end: what becomes of it where Django refuses."""

import sqlite3
import sys
from contextlib import closing

import pytest
from django.db import IntegrityError
from tests.store.django_orders import on_sqlite

from hardpoint.store.django import django_connection
from hardpoint.store.fence import FENCE_TABLE, write_fenced


def test_what_the_commit_refuses_is_raised_and_nothing_is_written(tmp_path):
    path = tmp_path / "business.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(FENCE_TABLE)
        connection.execute("create table orders (id integer primary key)")
        connection.execute(
            "create table lines (number integer references orders deferrable initially deferred)"
        )

    def of_no_order(target):
        with target.cursor() as cursor:
            cursor.execute("insert into lines values (7)")

    with (
        closing(on_sqlite(path)) as target,
        pytest.raises(IntegrityError, match="FOREIGN KEY"),
    ):
        write_fenced(target, of_no_order, event="e1", handler="pay", now=7.0)
    with closing(sqlite3.connect(path)) as connection:
        counted = "select (select count(*) from lines), (select count(*) from hardpoint_done)"
        assert connection.execute(counted).fetchone() == (0, 0)


def test_where_django_is_not_loaded_nothing_is_of_it(tmp_path, monkeypatch):
    with closing(on_sqlite(tmp_path / "business.db")) as target:
        assert django_connection(target) is not None
        monkeypatch.delitem(sys.modules, "django.utils.connection")
        assert django_connection(target) is None
