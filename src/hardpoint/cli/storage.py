"""`hardpoint storage`: list, copy, remove, sign and compare files, whoever keeps them."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal, cast, final

import typer

from hardpoint.cli.failures import CommandError, Exit, refused, usage
from hardpoint.cli.options import CONFIG, Config, DryRunOption, Json, commands, terminal_of
from hardpoint.cli.progress import progress
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.cli.views import moment
from hardpoint.storage.keys import checked_key
from hardpoint.storage.types import ObjectInfo, Prefix
from hardpoint.sync.hub import Hub
from hardpoint.sync.storage import ObjectStore

_METHODS = Literal["GET", "HEAD", "PUT", "DELETE"]

app = commands()

Remote = Annotated[
    str, typer.Argument(metavar="CONNECTION:KEY", help="A connection and a key, files:a/b.txt.")
]
Either = Annotated[
    str, typer.Argument(metavar="PLACE", help="CONNECTION:KEY, or a path on this machine.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePlace:
    """Where something is: a key of a connection, or a path here where there is none."""

    connection: str | None
    name: str

    @classmethod
    def of(cls, text: str, known: Any) -> "StoragePlace":
        """A path that holds a colon is written with its folder: `./a:b`."""
        connection, colon, name = text.partition(":")
        if colon and connection in known:
            return cls(connection=connection, name=name)
        return cls(connection=None, name=text)

    def __str__(self) -> str:
        return self.name if self.connection is None else f"{self.connection}:{self.name}"


@final
class StorageDesk:
    """The connections of a configuration, and the terminal that is told."""

    def __init__(self, hub: Hub, terminal: Terminal) -> None:
        self._hub = hub
        self.terminal = terminal

    def place(self, text: str) -> StoragePlace:
        """Either kind."""
        return StoragePlace.of(text, self._hub.settings.connections)

    def remote(self, text: str) -> StoragePlace:
        """One of a connection.

        Raises:
            CommandError: there is no such connection.
        """
        found = self.place(text)
        if found.connection is None:
            names = ", ".join(sorted(self._hub.settings.connections)) or "none"
            raise usage(
                f"{text} does not start with a connection and a colon",
                hint=f"configured connections: {names}",
            )
        return found

    def store(self, place: StoragePlace) -> ObjectStore:
        """What keeps it."""
        return self._hub.storage(cast("str", place.connection))

    def entries(self, place: StoragePlace) -> Iterator[ObjectInfo]:
        """All that starts so; without a delimiter there are no prefixes among them."""
        return cast("Iterator[ObjectInfo]", self.store(place).list(place.name))

    def upload(self, path: Path, target: StoragePlace) -> int:
        """A file of this machine."""
        size = path.stat().st_size if path.is_file() else 0
        with progress(self.terminal, f"bytes of {path.name}", size) as step:
            return self.store(target).upload(target.name, path, progress=step).size

    def download(self, source: StoragePlace, path: Path) -> int:
        """To a file of this machine."""
        store = self.store(source)
        size = store.head(source.name).size
        with progress(self.terminal, f"bytes of {path.name}", size) as step:
            return store.download(source.name, path, progress=step).size


@contextmanager
def _desk(context: typer.Context, config: Path, *, json: bool) -> Generator[StorageDesk]:
    terminal = terminal_of(context, json=json)
    with Hub.load(config) as hub:
        yield StorageDesk(hub, terminal)


@app.callback()
def storage() -> None:
    """List, copy, remove, sign and compare files, whoever keeps them."""


@app.command()
def ls(
    context: typer.Context,
    place: Annotated[
        str, typer.Argument(metavar="CONNECTION:[PREFIX]", help="What starts so: files:invoices/.")
    ],
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Also what lies deeper.")
    ] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """List what starts with a prefix."""
    with _desk(context, config, json=json) as desk:
        where = desk.remote(place)
        found = list(desk.store(where).list(where.name, delimiter=None if recursive else "/"))
        data = [_told(one) for one in found]
        desk.terminal.show(
            {"entries": data}, Table(("SIZE", "MODIFIED", "KEY"), [_row(one) for one in found])
        )
    return Exit.OK


@app.command()
def cp(
    context: typer.Context,
    source: Either,
    target: Either,
    *,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Copy one file: up, down, or from one connection to another."""
    with _desk(context, config, json=json) as desk:
        here, there = desk.place(source), desk.place(target)
        there = _into(here, there)
        size = _copied(desk, here, there)
        data = {"source": str(here), "target": str(there), "size": size}
        desk.terminal.show(data, f"copied {here} to {there}")
    return Exit.OK


@app.command()
def rm(
    context: typer.Context,
    place: Remote,
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="All that starts so.")
    ] = False,
    dry_run: DryRunOption = False,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Remove a file; it need not be there. With --recursive all that starts with a prefix."""
    with _desk(context, config, json=json) as desk:
        where = desk.remote(place)
        if recursive and not where.name:
            raise usage("this would remove everything", hint=f"name a prefix: {place}a/")
        keys = [one.key for one in desk.entries(where)] if recursive else [where.name]
        with progress(desk.terminal, "files removed", len(keys)) as step:
            for number, key in enumerate(keys if not dry_run else (), 1):
                desk.store(where).delete(key)
                step(number)
        verb = "would remove" if dry_run else "removed"
        desk.terminal.show(
            {"removed": [] if dry_run else keys, "planned": keys},
            *(f"{verb} {where.connection}:{key}" for key in keys),
        )
    return Exit.OK


@app.command()
def sign(
    context: typer.Context,
    place: Remote,
    *,
    method: Annotated[str, typer.Option(help="GET, HEAD, PUT or DELETE.")] = "GET",
    expires: Annotated[int, typer.Option(min=1, help="Seconds; at most 7 days.")] = 3600,
    filename: Annotated[
        str | None, typer.Option(help="The name by which a browser keeps it.")
    ] = None,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Print a URL by which anyone may do one thing to one file for a while."""
    with _desk(context, config, json=json) as desk:
        where = desk.remote(place)
        url = desk.store(where).sign_url(
            where.name, method=cast("_METHODS", method), expires=expires, filename=filename
        )
        desk.terminal.show({"url": url, "expires": expires}, url)
    return Exit.OK


@app.command()
def sync(
    context: typer.Context,
    source: Either,
    target: Either,
    *,
    delete: Annotated[
        bool, typer.Option("--delete", help="Also remove what the source does not have.")
    ] = False,
    dry_run: DryRunOption = False,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Copy what is missing, of another size or older: a folder up, or a prefix down."""
    with _desk(context, config, json=json) as desk:
        here, there = desk.place(source), desk.place(target)
        if (here.connection is None) == (there.connection is None):
            raise usage(
                "one side is a folder of this machine, the other CONNECTION:PREFIX",
                hint="hardpoint storage cp copies between connections",
            )
        if here.connection is None and not Path(here.name).exists():
            raise usage(f"there is no folder {here.name}", hint="look at how its name is written")
        have, want = _listed(desk, there), _listed(desk, here)
        if delete and have and not want:  # a mistyped prefix is empty too
            raise refused(
                f"{here} has no files: this would remove all that {there} has",
                hint="look at how the source is written; `storage rm -r` empties a prefix",
            )
        copied = [name for name in sorted(want) if _differs(want[name], have.get(name))]
        extra = sorted(have.keys() - want.keys()) if delete else []
        if not dry_run:
            for name in copied:
                _copied(desk, _below(here, name), _below(there, name))
            for name in extra:
                _removed(desk, _below(there, name))
        would = "would " if dry_run else ""
        lines = [f"{would}copy {name}" for name in copied]
        lines += [f"{would}remove {name}" for name in extra]
        same = len(want) - len(copied)
        desk.terminal.show(
            {"copied": copied, "removed": extra, "same": same, "dry_run": dry_run},
            *lines,
            f"{same} the same",
        )
    return Exit.OK


def _copied(desk: StorageDesk, source: StoragePlace, target: StoragePlace) -> int:
    """How many bytes."""
    if source.connection is None and target.connection is None:
        raise usage("both are on this machine", hint="write CONNECTION:KEY for one of them")
    if source.connection is None:
        return desk.upload(Path(source.name), target)
    if target.connection is None:
        return desk.download(source, Path(target.name))
    if source.connection == target.connection:
        desk.store(source).copy(source.name, target.name)
        return desk.store(target).head(target.name).size
    with TemporaryDirectory(prefix="hardpoint-") as folder:
        between = Path(folder) / "file"
        desk.download(source, between)
        return desk.upload(between, target)


def _removed(desk: StorageDesk, place: StoragePlace) -> None:
    if place.connection is None:
        Path(place.name).unlink(missing_ok=True)
    else:
        desk.store(place).delete(place.name)


def _into(source: StoragePlace, target: StoragePlace) -> StoragePlace:
    """A target that is a folder gets the source's own name."""
    own = source.name.rstrip("/").rpartition("/")[2]
    if target.connection is None:
        folder = Path(target.name)
        name = str(folder / own) if folder.is_dir() else target.name
    else:
        name = (
            f"{target.name}{own}" if target.name.endswith("/") or not target.name else target.name
        )
    return StoragePlace(connection=target.connection, name=name)


def _listed(desk: StorageDesk, place: StoragePlace) -> dict[str, tuple[int, float]]:
    """Size and time of each file below a place, by its name below it.

    What a console makes as a folder, an object whose name ends in a slash, is no file.
    """
    if place.connection is not None:
        prefix = place.name if not place.name or place.name.endswith("/") else f"{place.name}/"
        under = StoragePlace(connection=place.connection, name=prefix)
        found = {one.key.removeprefix(prefix): one for one in desk.entries(under)}
        return {
            name: (one.size, one.modified or 0.0)
            for name, one in found.items()
            if name and not name.endswith("/")
        }
    folder = Path(place.name)
    if folder.exists() and not folder.is_dir():
        raise usage(f"{folder} is not a folder", hint="hardpoint storage cp copies one file")
    listed: dict[str, tuple[int, float]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            stated = path.stat()
            listed[path.relative_to(folder).as_posix()] = stated.st_size, stated.st_mtime
    return listed


def _below(place: StoragePlace, name: str) -> StoragePlace:
    """A file below a place; a name that leads out of it is refused."""
    checked_key(name)
    if place.connection is not None:
        prefix = place.name if not place.name or place.name.endswith("/") else f"{place.name}/"
        return StoragePlace(connection=place.connection, name=prefix + name)
    folder = Path(place.name)
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise CommandError(
            f"{name} leads out of {folder} by a link",
            exit_code=Exit.NO,
            code="outside",
            hint="remove the link",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return StoragePlace(connection=None, name=str(path))


def _differs(wanted: tuple[int, float], had: tuple[int, float] | None) -> bool:
    """Times have seconds at some providers: what is newer by less is the same."""
    return had is None or wanted[0] != had[0] or wanted[1] >= had[1] + 1.0


def _told(one: ObjectInfo | Prefix) -> dict[str, Any]:
    if isinstance(one, Prefix):
        return {"prefix": one.prefix}
    return {"key": one.key, "size": one.size, "modified": one.modified, "etag": one.etag}


def _row(one: ObjectInfo | Prefix) -> tuple[str, str, str]:
    if isinstance(one, Prefix):
        return "", "", one.prefix
    return str(one.size), "-" if one.modified is None else moment(one.modified), one.key
