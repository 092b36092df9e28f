"""Where an application under test lives: a folder for what it keeps, a fake for each vendor.

Applications load their configuration where they are imported, and keep what they got of it. So it
is changed as it is loaded, once; what a test leaves behind is put back before the next one.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from time import time
from typing import Any, final, get_args, get_type_hints

from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import Faults
from hardpoint.fakes.messages import App
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import emitter_of, facts_of, fake, has_fake
from hardpoint.hub.connections import ConnectionSettings
from hardpoint.hub.identity import IdentitySettings, VaultSettings
from hardpoint.hub.settings import SUBSTITUTES, Settings, SourceSettings
from hardpoint.hub.stores import StoreSettings
from hardpoint.oauth.keyring import new_key

TEST_SECRET = "whsec_dGhlIHNlY3JldCBvZiBhIHRlc3QsIG9wZW5zIG5vdGhpbmc="  # noqa: S105 - it opens nothing
"""Stands for each secret that no fake prescribes; long enough for whatever checks lengths."""


@final
class Sandbox:
    """Changes each configuration that is loaded while the application is imported.

    The store, the vault and folders are below a temporary one, in files also where the
    application has them in PostgreSQL. Each connection to a vendor that can
    be imitated leads to a fake of its own, with the credentials of that; each source takes what the
    vendor's fake signs. Nothing is forwarded, and no issuer is asked what it is.

    Attributes:
        folder: the temporary one.
    """

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="hardpoint-tests-"))
        self._made: dict[Path, list[Settings]] = {}
        self._kept: Path | None = None
        self._importing = True
        self._servers: dict[tuple[Path | None, str], FakeServer] = {}
        self._signers: dict[str, App] = {}
        self._stack = ExitStack()
        SUBSTITUTES.append(self.substitute)
        self._stack.callback(SUBSTITUTES.remove, self.substitute)

    def end_importing(self) -> None:
        """From now on configurations are left as they are, but for those that were loaded."""
        self._importing = False

    @contextmanager
    def importing(self) -> Generator[None]:
        """Within the block they are changed again."""
        before, self._importing = self._importing, True
        try:
            yield
        finally:
            self._importing = before

    def substitute(self, settings: Settings) -> Settings:
        """What tests use in place of the settings of a file."""
        path = settings.path
        if path is None or not (self._importing or path in self._made):
            return settings
        known = self._made.setdefault(path, [])
        folder = known[0].store.path.parent if known else self._folder()
        changed = replace(
            settings,
            store=StoreSettings(
                path=folder / settings.store.path.name, retention=settings.store.retention
            ),
            webhooks={name: self._source(one) for name, one in settings.webhooks.items()},
            connections={
                name: self._connection(path, folder, one)
                for name, one in settings.connections.items()
            },
            identity=_identity(settings.identity, known, folder),
        )
        known.append(changed)
        return changed

    def made(self, settings: Settings) -> bool:
        """Whether these are settings that were changed here."""
        return any(one is settings for known in self._made.values() for one in known)

    def fakes(self, settings: Settings) -> dict[str, FakeServer]:
        """The fakes of a configuration, by the connection's name."""
        return {name: one for (path, name), one in self._servers.items() if path == settings.path}

    def signer(self, settings: Settings, owner: str) -> App | None:
        """A fake of a source's vendor, to sign with; None where nobody imitates it."""
        for name, one in self.fakes(settings).items():
            if settings.connections[name].provider == owner:
                return one.app
        return self._signers.get(owner)

    def renew(self, seed: int) -> None:
        """Let a test begin: with what was in the folder at first, and new accounts at the fakes."""
        if self._kept is None:
            self._kept = Path(mkdtemp(prefix="hardpoint-tests-"))
            shutil.copytree(self.folder, self._kept, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(self.folder)
        shutil.copytree(self._kept, self.folder, symlinks=True)
        for server in self._servers.values():
            _end(server.app)
            server.replace(fake(server.app.name), Faults(seed))

    def close(self) -> None:
        """Stop the fakes and remove the folder."""
        self._stack.close()
        for one in (*(server.app for server in self._servers.values()), *self._signers.values()):
            _end(one)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._kept is not None:
            shutil.rmtree(self._kept, ignore_errors=True)

    def _folder(self) -> Path:
        made = self.folder / str(len(self._made))
        made.mkdir()
        return made

    def _source(self, settings: SourceSettings) -> SourceSettings:
        app = self._signers.get(settings.provider)
        if app is None and has_fake(settings.provider):
            app = self._signers[settings.provider] = fake(settings.provider)
        text = (facts_of(app).webhook_secret if app else None) or TEST_SECRET
        return replace(settings, secrets=(_secret(text),), forward=None)

    def _connection(self, path: Path, folder: Path, one: ConnectionSettings) -> ConnectionSettings:
        hints = get_type_hints(load(provider(one.provider).settings or ""))
        if not has_fake(one.provider):
            return replace(one, options=_local(one, hints, folder))
        server = self._servers.get((path, one.name))
        if server is None:
            server = self._stack.enter_context(FakeServer(fake(one.provider)))
            self._servers[path, one.name] = server
        facts = facts_of(server.app)
        own = {name: _as(hints[name], text) for name, text in facts.settings_at(server.url).items()}
        kept = {name: value for name, value in one.options.items() if name not in facts.instead}
        return replace(one, options={**kept, **own})


@cache
def _secret(text: str) -> Secret:
    """Always the same one for a text: a configuration that is read again has not changed."""
    return Secret.value(text)


def _end(app: App) -> None:
    emitter = emitter_of(app)
    if emitter is not None:
        emitter.close()


def _as(hint: Any, text: str) -> Any:
    """A text as the type of its field asks for."""
    return _secret(text) if Secret in (hint, *get_args(hint)) else text


def _local(one: ConnectionSettings, hints: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The options of a vendor that is this machine: folders of the test's, secrets of none."""
    options = dict(one.options)
    for name, value in one.options.items():
        if isinstance(value, Secret):
            known = provider(one.provider).test_secrets
            options[name] = _secret(known.get(name, TEST_SECRET))
        elif hints[name] is Path:
            options[name] = folder / one.name / name
            options[name].mkdir(parents=True, exist_ok=True)
    return options


def _identity(own: IdentitySettings, known: list[Settings], folder: Path) -> IdentitySettings:
    if own.vault is None:
        return own
    vault = known[0].identity.vault if known else None
    keyring = vault.keyring if vault else Secret.value(new_key(time(), os.urandom))
    described = {name: one for name, one in own.oauth.items() if one.issuer is None}
    return replace(
        own,
        vault=VaultSettings(path=folder / own.vault.path.name, keyring=keyring),
        oauth={
            name: replace(one, client_secret=one.client_secret and _secret(TEST_SECRET))
            for name, one in described.items()
        },
    )
