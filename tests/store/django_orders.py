"""Django, as far as one of its connections needs it to be set up."""

from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresqlWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper as SqliteWrapper
from django.utils.connection import ConnectionDoesNotExist, ConnectionProxy

ALIAS = "orders"
PLAIN = {
    "ENGINE": "",
    "TIME_ZONE": None,
    "CONN_MAX_AGE": 0,
    "CONN_HEALTH_CHECKS": False,
    "AUTOCOMMIT": True,
    "OPTIONS": {},
    "ATOMIC_REQUESTS": False,
}


def _proxy(wrapper):
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="for tests")
    apps.populate(())
    with suppress(ConnectionDoesNotExist):
        connections[ALIAS].close()
    connections[ALIAS] = wrapper
    return ConnectionProxy(connections, ALIAS)


def on_sqlite(path):
    """What `connections[ALIAS]` is known by, in this thread."""
    return _proxy(SqliteWrapper({**PLAIN, "NAME": str(path)}, ALIAS))


def on_postgresql(url):
    parts = urlsplit(url)
    facts = {"NAME": parts.path[1:], "USER": parts.username, "PASSWORD": "", "PORT": ""}
    facts |= {"HOST": parse_qs(parts.query)["host"][0]}
    return _proxy(PostgresqlWrapper({**PLAIN, **facts}, ALIAS))
