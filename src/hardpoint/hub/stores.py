"""Where a configuration has the store: in a file of SQLite, or in a database of PostgreSQL.

[store]
url = "postgresql://shop@db.example/shop?sslmode=verify-full&sslrootcert=/etc/shop/ca.pem"
password = "env:SHOP_DATABASE_PASSWORD"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.hub.tables import TomlTable
from hardpoint.store.opening import POSTGRES
from hardpoint.store.retention import Retention

STORE_FILE: Final = "hardpoint.db"
"""Beside the configuration, where nothing is said and no webhooks come; made when it is needed."""
KEYS_DAYS_LEAST: Final = 30
"""No vendor tries for so long; a key forgotten sooner would let a repeat in as new."""

_DAYS_MOST: Final = 36_500
_DAY: Final = 86_400.0
_UNKNOWN: Final = "is not a store we know"
_FIX: Final = "Write sqlite:hardpoint.db, sqlite:////srv/shop.db or postgresql://shop@db/shop"
_PASSWORD: Final = re.compile(r"//[^/?#@]*:[^/?#@]*@|[?&](ssl)?password=")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where events are kept, and calls that have to be written down.

    Attributes:
        path: of SQLite's file, unless there is a `database`.
        database: the URL of one of PostgreSQL, `postgresql://...`; a secret where it holds a
            password.
        password: for that database, if its URL holds none.
        write_role: of that database, that the application's writes run as.
        retention: how long things are kept.
    """

    path: Path = Path(STORE_FILE)
    database: str | Secret | None = field(default=None, repr=False)
    password: Secret | None = None
    write_role: str | None = None
    retention: Retention = field(default_factory=Retention)

    @property
    def file(self) -> Path | None:
        """SQLite's file; None where the store is a database that other machines may reach."""
        return self.path if self.database is None else None

    @property
    def engine(self) -> str:
        """What keeps it, by the name that OpenTelemetry has for such a database."""
        return "sqlite" if self.database is None else "postgresql"

    @property
    def url(self) -> str:
        """Names the engine, and where it keeps things; it may hold a password.

        Raises:
            ConfigurationError: a secret in it cannot be read, or it is no URL of PostgreSQL.
        """
        if self.database is None:
            return f"sqlite:{self.path}"
        url = self.database
        if isinstance(url, Secret):
            url = _revealed("store.url", url)
        if _scheme(url) not in POSTGRES:
            raise ConfigurationError("store.url", _UNKNOWN, fix=_FIX)
        if self.password is None:
            return url
        password = quote(_revealed("store.password", self.password), safe="")
        return f"{url}{'&' if '?' in url else '?'}password={password}"

    @property
    def shown(self) -> str:
        """The same for people: without user, password and options."""
        if self.database is None:
            return str(self.path)
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every secret, after the path of its key."""
        if isinstance(self.database, Secret):
            yield "store.url", self.database
        if self.password is not None:
            yield "store.password", self.password


def store_settings(root: TomlTable, folder: Path) -> StoreSettings:
    """`[store]`; a file beside the configuration where it is not written and no webhooks come.

    Raises:
        ConfigurationError: any key or value that we do not know, or a password in plain sight.
    """
    table = root.table("store", {"url", "password", "write_role", "retention"})
    if not (root.has("store") or root.has("webhooks")):
        return StoreSettings(path=folder / STORE_FILE)
    retention = _retention(table.table("retention", {"done_days", "dead_days", "keys_days"}))
    url = table.get("url", str)
    reference = table.secret("url", folder) if _scheme(url) in {"env", "file"} else None
    password = table.secret("password", folder) if table.has("password") else None
    role = table.get("write_role", str) if table.has("write_role") else None
    of_database = partial(StoreSettings, password=password, write_role=role, retention=retention)
    if reference is not None:
        try:
            url = reference.reveal()
        except ConfigurationError:  # whoever needs it hears so; tests have a store of their own
            return of_database(database=reference)
    if _scheme(url) in POSTGRES:
        if reference is None and _PASSWORD.search(url):
            fix = 'Write password = "env:NAME" beside it, or url = "env:NAME" in its place'
            table.refuse("url", "holds a password", fix)
        return of_database(database=reference or url)
    for key, given in {"password": password, "write_role": role}.items():
        if given is not None:
            table.refuse(key, "is there for a file, which has none", "Leave it out")
    rest = url.partition(":")[2].removeprefix("///")  # as SQLAlchemy: three relative, four for "/"
    unlike_a_path = rest.startswith(("//", ":")) or "?" in rest or "\0" in rest
    if _scheme(url) != "sqlite" or not rest or unlike_a_path:
        table.refuse("url", _UNKNOWN, _FIX)
    return StoreSettings(path=folder / rest, retention=retention)


def _scheme(url: str) -> str:
    return url.partition(":")[0]


def _revealed(key: str, secret: Secret) -> str:
    try:
        return secret.reveal()
    except ConfigurationError as error:
        problem = f"{secret.reference} {error.problem}"
        raise ConfigurationError(key, problem, fix=error.fix) from None


def _retention(table: TomlTable) -> Retention:
    """In days; what is not written follows from what is: done, dead and keys rise in this order."""
    default = Retention()
    done = table.count("done_days", default.done / _DAY, most=_DAYS_MOST)
    dead = table.count("dead_days", max(default.dead / _DAY, done), most=_DAYS_MOST)
    keys = table.count("keys_days", max(default.keys / _DAY, dead), most=_DAYS_MOST)
    if dead < done:
        table.refuse("dead_days", "is less than done_days", f"Write {done:g} or more")
    least = max(dead, KEYS_DAYS_LEAST)
    if keys < least:
        table.refuse("keys_days", "is too short to recognise repeats", f"Write {least:g} or more")
    return Retention(done=done * _DAY, dead=dead * _DAY, keys=keys * _DAY)
