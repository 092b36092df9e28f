"""A configuration for trying things out: its vendors are fakes, its secrets theirs, its store new.

It is written as a file, so that every other command and every script can use it: `--config`. What
cannot be imitated keeps its settings; no secret of the original is read or copied.
"""

import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import time
from typing import Any, Final, cast, final, get_args, get_type_hints
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Delivered
from hardpoint.fakes.messages import App, Exchange
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import emitter_of, facts_of, fake, has_fake
from hardpoint.http.limits import on_loopback
from hardpoint.hub.settings import Settings
from hardpoint.oauth.keyring import new_key
from hardpoint.webhooks.verification import settings_of

# hardpoint: ignore[secret-in-code] it opens nothing: base64 of "the secret of a test, ..."
NOBODYS_SECRET: Final = "whsec_dGhlIHNlY3JldCBvZiBhIHRlc3QsIG9wZW5zIG5vdGhpbmc="  # noqa: S105 - it opens nothing
"""Stands for each secret that no fake prescribes."""
FILE: Final = "hardpoint.toml"
STORE: Final = "events.db"

Toml = dict[str, Any]
FakeListener = Callable[[str, Exchange | Delivered], object]


@final
class StandIns:
    """The fakes of a configuration, and the configuration that leads to them.

    Args:
        config: the original.
        folder: for what is written; it is emptied of a store that an earlier run has left.
        public: where the application takes webhooks; the fakes send theirs there.
        heard: told what reaches a fake, and what became of each webhook, with the fake's name.

    Raises:
        ConfigurationError: the original is no configuration.
    """

    def __init__(self, config: Path, folder: Path, public: str, heard: FakeListener) -> None:
        self.config = config.absolute()
        self.file = folder / FILE
        self._folder = folder
        self._public = public
        self._heard = heard
        self._servers: dict[str, FakeServer] = {}
        self._signers: dict[str, App] = {}
        self._followed: list[App] = []
        self._stack = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        for one in folder.glob(f"{STORE}*"):
            one.unlink()

    @property
    def fakes(self) -> Mapping[str, FakeServer]:
        """By the connection's name."""
        return self._servers

    def write(self) -> Settings:
        """Read the original, start the fakes that it needs, and write what leads to them."""
        settings = Settings.load(self.config, secrets=False)
        document = tomllib.loads(self.config.read_bytes().decode("utf-8-sig"))
        kept = {
            key: value for key, value in document.get("store", {}).items() if key == "retention"
        }
        document["store"] = {"url": f"sqlite:{STORE}", **kept}
        document["public_url"] = self._public
        for name, one in settings.connections.items():
            self._connection(name, one.provider, one.options, document["connections"][name])
        for name, one in settings.webhooks.items():
            self._source(name, one.provider, document["webhooks"][name])
        self._identity(document)
        self.file.write_text("".join(toml(document)))
        return Settings.load(self.file)

    def close(self) -> None:
        """Stop the fakes."""
        for server in self._servers.values():
            _end(server.app)
        self._stack.close()
        for one in self._signers.values():
            _end(one)

    def _connection(self, name: str, vendor: str, options: Mapping[str, Any], table: Toml) -> None:
        hints = get_type_hints(load(provider(vendor).settings or ""))
        for key, value in options.items():
            written = key.rstrip("_")
            if isinstance(value, Secret):
                text = provider(vendor).test_secrets.get(key, NOBODYS_SECRET)
                table[written] = self._secret(f"connections.{name}.{written}", text)
            elif hints[key] is Path:
                where = self._folder / name / written
                where.mkdir(parents=True, exist_ok=True)
                table[written] = str(where)
        if not has_fake(vendor):
            return
        server = self._server(name, vendor)
        facts = facts_of(server.app)
        for key in facts.instead:
            table.pop(key.rstrip("_"), None)
        for key, text in facts.settings_at(server.url).items():
            written = key.rstrip("_")
            hidden = Secret in (hints[key], *get_args(hints[key]))
            secret = f"connections.{name}.{written}"
            table[written] = self._secret(secret, text) if hidden else text

    def _server(self, name: str, vendor: str) -> FakeServer:
        known = self._servers.get(name)
        if known is None or known.app.name != vendor:

            def heard(one: Exchange) -> None:
                self._heard(name, one)

            known = self._stack.enter_context(FakeServer(fake(vendor), heard=heard))
            self._servers[name] = known
        return known

    def _source(self, name: str, vendor: str, table: Toml) -> None:
        app = self._signer(vendor)
        if "secrets" in table:
            text = (facts_of(app).webhook_secret if app else None) or NOBODYS_SECRET
            table["secrets"] = [self._secret(f"webhooks.{name}.secrets", text)]
        url = f"{self._public}/webhooks/{name}"
        if "url" in table or "url" in settings_of(vendor):
            table["url"] = url
        onward: dict[str, str] | None = table.get("forward")
        if onward is not None and not on_loopback(urlsplit(onward["url"]).hostname):
            del table["forward"]
        elif onward is not None:
            onward["secret"] = self._secret(f"webhooks.{name}.forward.secret", NOBODYS_SECRET)
        emitter = emitter_of(app) if app else None
        if app is not None and emitter is not None and app not in self._followed:
            self._followed.append(app)
            emitter.follow(url, told=lambda one: self._heard(name, one))

    def _signer(self, vendor: str) -> App | None:
        """The fake whose webhooks a source takes: that of a connection, or one of its own."""
        for server in self._servers.values():
            if server.app.name == vendor:
                return server.app
        if not has_fake(vendor):
            return None
        if vendor not in self._signers:
            self._signers[vendor] = fake(vendor)
        return self._signers[vendor]

    def _identity(self, document: Toml) -> None:
        vault = document.get("vault")
        if vault is not None:
            keys = self._folder / "secrets" / "vault.keyring"
            text = keys.read_text() if keys.exists() else new_key(time(), os.urandom)
            document["vault"] = {"path": "vault.db", "keyring": self._secret("vault.keyring", text)}
        for name, one in document.get("oauth", {}).items():
            for key in {"client_secret", "client_key"} & one.keys():
                one[key] = self._secret(f"oauth.{name}.{key}", NOBODYS_SECRET)

    def _secret(self, key: str, text: str) -> str:
        """A reference to a file that holds it."""
        path = self._folder / "secrets" / key
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
        return f"file:secrets/{key}"


def substitute(config: Path, stand_in: Path) -> Callable[[Settings], Settings]:
    """What an application gets that loads a configuration: the one that leads to the fakes."""

    def instead(settings: Settings) -> Settings:
        path = settings.path
        if path is None or path == stand_in.absolute():
            return settings
        if path.resolve() != config.resolve():
            raise ConfigurationError(
                str(path), f"is loaded, not {config}", fix=f"hardpoint dev --config {path}"
            )
        return Settings.load(stand_in)

    return instead


def toml(table: Mapping[str, Any], path: Sequence[str] = ()) -> Iterator[str]:
    """A document as text, line by line: what `tomllib` has read, written again."""
    tables: dict[str, Toml] = {
        key: value for key, value in table.items() if isinstance(value, dict)
    }
    if path and (len(tables) < len(table) or not table):
        yield f"\n[{'.'.join(map(_text, path))}]\n"
    for key, value in table.items():
        if key not in tables:
            yield f"{_text(key)} = {_value(value)}\n"
    for key, value in tables.items():
        yield from toml(value, (*path, key))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, cast('list[Any]', value)))}]"
    if isinstance(value, dict):
        pairs = cast("Toml", value).items()
        return "{ " + ", ".join(f"{_text(key)} = {_value(one)}" for key, one in pairs) + " }"
    return str(value)  # numbers; TOML's dates are no setting of ours


def _text(text: str) -> str:
    """A basic string: JSON's, and DEL escaped as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _end(app: App) -> None:
    emitter = emitter_of(app)
    if emitter is not None:
        emitter.close()
