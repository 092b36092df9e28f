"""Signing in, sessions and connected accounts of one deployment, put together over one file."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final
from urllib.parse import urlsplit

from hardpoint.core.events import Listeners
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.limits import LOOPBACK, Limits, checked_url
from hardpoint.http.untrusted import UNTRUSTED, Untrusted, resolve_async
from hardpoint.hub.oauth import OAuthSettings, Purpose
from hardpoint.oauth.authorities import Authorities
from hardpoint.oauth.catalogue import Entry
from hardpoint.oauth.client import Client
from hardpoint.oauth.flow import Authority, Done
from hardpoint.oauth.flows import Flows
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.openid import discovered
from hardpoint.oauth.sessions import Sessions
from hardpoint.oauth.signin_store import SigninStore
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.clocks import SystemClock, Timekeeper
from hardpoint.runtime.work import ThreadWork
from hardpoint.store.vault import VaultFile

EXCHANGE_SECONDS: Final = 20.0
"""For one request to a token or userinfo endpoint."""
_ANSWER_BYTES_MAX = 256 * 1024


@final
class Accounts:
    """Everything that signing in and connecting need; use it as `async with`, or open and close it.

    Args:
        path: the vault's file; flows and sessions are kept in it too.
        keyring: what its credentials are sealed under.
        registrations: ours at providers.
        public_url: where browsers reach us, `https://shop.example`.
        clock: effects, for tests.
        listeners: told what the vault does.
        origins: other sites of ours that one may return to after a flow.

    Attributes:
        flows: signing in and connecting, once opened.
        sessions: who is signed in.
        vault: the connected accounts.

    Raises:
        ConfigurationError: an address or a registration that cannot work.
    """

    def __init__(
        self,
        path: str | Path,
        keyring: Keyring,
        registrations: Sequence[OAuthSettings],
        *,
        public_url: str,
        clock: Timekeeper | None = None,
        listeners: Listeners | None = None,
        origins: Collection[str] = (),
    ) -> None:
        self.public_url = checked_url(public_url, key="public_url").rstrip("/")
        self._registrations = registrations
        self._clients: dict[str, Client] = {}
        self._login: dict[str, Authority] = {}
        self._connect: dict[str, Authority] = {}
        clock = clock or SystemClock()
        self._transport = AsyncTransport(
            Limits(exchange=EXCHANGE_SECONDS, body_bytes_max=_ANSWER_BYTES_MAX)
        )
        self._looking = AsyncTransport(UNTRUSTED)
        self._outside = self._source(clock, Untrusted(self._looking, resolve_async))
        anywhere = Untrusted(self._looking, resolve_async, permit=lambda _: True, plain=True)
        self._inside = self._source(clock, anywhere)
        file = VaultFile(path)
        self._work = ThreadWork()
        store = SigninStore(file, self._work)
        self.vault = Vault(
            path, keyring, self._clients, clock=clock, listeners=listeners, file=file
        )
        self.sessions = Sessions(store, clock)
        for one in registrations:
            if one.provider is not None:
                self._add(one, one.entry)
        self.flows = Flows(store, clock, login=self._login, connect=self._connect, origins=origins)

    async def open(self) -> None:
        """Open the file, and ask the issuers that describe themselves what they are.

        Raises:
            UnavailableError, UnexpectedResponseError: one of them does not say.
            StoreUnavailableError, StoreCorruptError: see `Vault.open`.
        """
        for one in self._registrations:
            if one.issuer is not None and one.name not in self._clients:
                fetch, _ = self._source_of(one)
                entry = await discovered(one.name, one.issuer, fetch)
                self._add(one, lambda _, found=entry: found)
        await self.vault.open()

    async def close(self) -> None:
        """Let what is under way come to its end."""
        await self.vault.close()
        await self._work.close()
        await self._transport.close()
        await self._looking.close()

    async def keep(self, done: Done) -> None:
        """Put a connected account into the vault: of the user, under the provider's name.

        `vault.access_token("google", tenant=user)` finds its token then.

        Raises:
            FlowError: another account is connected there already.
        """
        await self.vault.put(
            done.connection or done.provider,
            done.tokens,
            client=done.provider,
            tenant=done.user or "",
            account=done.account,
        )

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _add(self, one: OAuthSettings, entry: Callable[[Purpose], Entry]) -> None:
        _, authorities = self._source_of(one)
        if one.login:
            client = one.client("login", entry("login"), self.public_url)
            self._login[one.name] = authorities.make(client, tenants=one.tenants)
        if one.connect:
            client = one.client("connect", entry("connect"), self.public_url)
            self._connect[one.name] = authorities.make(client, tenants=one.tenants)
            self._clients[one.name] = client

    def _source(self, clock: Timekeeper, fetch: Untrusted) -> tuple[Untrusted, Authorities]:
        return fetch, Authorities(self._transport, fetch, clock, asyncio.Lock)

    def _source_of(self, one: OAuthSettings) -> tuple[Untrusted, Authorities]:
        """Who looks documents up: an issuer's may name our own network only where it is in it."""
        inside = one.internal or (one.issuer is not None and _on_loopback(one.issuer))
        return self._inside if inside else self._outside


def _on_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK
