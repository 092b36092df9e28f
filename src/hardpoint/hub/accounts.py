"""Signing in, sessions and connected accounts of one deployment, put together over one file."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, final
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits, checked_url, on_loopback
from hardpoint.http.messages import Request, Response, Transport
from hardpoint.http.untrusted import UNTRUSTED, Untrusted, resolve_async, resolve_blocking
from hardpoint.hub.oauth import OAuthSettings, Purpose
from hardpoint.oauth.assertions import check_key
from hardpoint.oauth.authorities import Authorities
from hardpoint.oauth.catalogue import Client, ProviderEntry
from hardpoint.oauth.device import DeviceCode, DeviceFlow
from hardpoint.oauth.flow import Authority, FlowDone
from hardpoint.oauth.flows import Flows, account_of
from hardpoint.oauth.identity import Asked
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.openid import discovered
from hardpoint.oauth.sessions import Sessions, SigninStore
from hardpoint.oauth.states import ConnectionStatus
from hardpoint.oauth.transitions import Timing
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.asynchronous import LoopLock
from hardpoint.runtime.clocks import SystemClock, Timekeeper
from hardpoint.runtime.work import ThreadWork
from hardpoint.store.vault import VaultFile, VaultTables

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
        file: in place of the file at `path`: another that keeps its rows.

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
        file: VaultTables | None = None,
    ) -> None:
        self.public_url = checked_url(public_url, key="public_url").rstrip("/")
        self._registrations = registrations
        self._clients: dict[str, Client] = {}
        self._unmet = {one.name for one in registrations if one.issuer is not None}
        self._login: dict[str, Authority] = {}
        self._connect: dict[str, Authority] = {}
        self._clock = clock = clock or SystemClock()
        limits = Limits(exchange=Timing().exchange, body_bytes_max=_ANSWER_BYTES_MAX)
        self._asking = AsyncTransport(limits)
        self._looking = AsyncTransport(UNTRUSTED)
        # A refresh belongs to nobody who waits for it, and is bound by no caller's deadline.
        self._refreshing = BlockingTransport(limits, remaining=lambda: None)
        self._discovered: set[str] = set()
        self._outside = _Network(
            Untrusted(self._looking, resolve_async), Untrusted(self._asking, resolve_async), clock
        )
        anywhere = Untrusted(self._looking, resolve_async, permit=lambda _: True, plain=True)
        self._inside = _Network(anywhere, self._asking, clock)
        file = file or VaultFile(path, listeners=listeners)
        self._work = ThreadWork()
        store = SigninStore(file, self._work)
        self.vault = Vault(
            path,
            keyring,
            self._clients,
            unmet=self._unmet,
            transport=_ByHost(
                self._discovered, Untrusted(self._refreshing, resolve_blocking), self._refreshing
            ),
            clock=clock,
            listeners=listeners,
            file=file,
        )
        self.sessions = Sessions(store, clock)
        for one in registrations:
            if one.issuer is None:
                self._add(one, one.entry)
        self.flows = Flows(
            store,
            clock,
            login=self._login,
            connect=self._connect,
            unmet=self._unmet,
            origins=origins,
            listeners=listeners,
        )

    async def open(self) -> None:
        """Open the file, and ask the issuers that describe themselves what they are.

        Raises:
            UnavailableError, UnexpectedResponseError: one of them does not say.
            StoreUnavailableError, StoreCorruptError: see `Vault.open`.
        """
        for one in self._registrations:
            if one.issuer is not None and one.name in self._unmet:
                said = await discovered(one.name, one.issuer, self._network(one).fetch)
                entry = one.of_issuer(said)
                self._add(one, lambda _, found=entry: found)
                self._unmet.discard(one.name)
        await self.vault.open()

    async def close(self) -> None:
        """Let what is under way come to its end."""
        await self._work.close()
        await self.vault.close()
        await self._asking.close()
        await self._looking.close()
        self._refreshing.close()

    async def keep(self, done: FlowDone) -> None:
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

    async def connect_by_device(
        self,
        name: str,
        *,
        tenant: str,
        show: Callable[[DeviceCode], object],
        connection: str | None = None,
    ) -> ConnectionStatus:
        """Connect an account of somebody who has a browser elsewhere (RFC 8628), and keep it.

        Args:
            name: of the registration.
            tenant: whose the connection is.
            show: told the code to show to that person, and where to enter it.
            connection: what to call it; the registration's name otherwise.

        Raises:
            ConfigurationError: there is no such registration, or its provider has no such flow.
            FlowError: they refused, or did nothing in time; or another account is connected there.
            TokenEndpointError, ProviderError: the provider does not answer, or not sensibly.
        """
        authority = self._connect.get(name)
        if authority is None:
            raise ConfigurationError(f"oauth.{name}", "is not configured for connections")
        client = authority.endpoint.client
        flow = DeviceFlow(authority.endpoint, self._clock)
        code = await flow.begin(client.scopes or client.entry.scopes)
        show(code)
        tokens = await flow.finish(code)
        identity = None
        if authority.identify is not None and client.entry.jwks_url is None:
            identity = await authority.identify(tokens, Asked(nonce=None))
        return await self.vault.put(
            connection or name,
            tokens,
            client=name,
            tenant=tenant,
            account=account_of(client.entry, tokens, identity),
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

    def _add(self, one: OAuthSettings, entry: Callable[[Purpose], ProviderEntry]) -> None:
        network = self._network(one)
        if one.client_key is not None:
            check_key(one.client_key, f"oauth.{one.name}.client_key")
        if one.login and not one.for_itself:
            client = one.client("login", entry("login"), self.public_url)
            self._login[one.name] = network.authorities.make(
                client,
                tenants=one.tenants,
                provider=one.provider,
                logout=one.logout,
                id_token_hint=one.id_token_hint,
            )
        if one.connect:
            client = one.client("connect", entry("connect"), self.public_url)
            if not one.for_itself:
                self._connect[one.name] = network.authorities.make(
                    client, tenants=one.tenants, provider=one.provider
                )
            self._clients[one.name] = client
            if network is self._outside:
                urls = (client.entry.token_url, client.entry.revocation_url or "")
                self._discovered.update(urlsplit(url).netloc for url in urls)

    def _network(self, one: OAuthSettings) -> "_Network":
        """Whose addresses to trust: our catalogue's, the operator's, an issuer's in our network."""
        local = one.issuer is not None and on_loopback(urlsplit(one.issuer).hostname)
        return self._outside if one.issuer and not (one.internal or local) else self._inside


@final
class _Network:
    """How documents are looked up, and endpoints asked."""

    def __init__(self, fetch: Untrusted, transport: Transport, clock: Timekeeper) -> None:
        self.fetch = fetch
        self.authorities = Authorities(transport, fetch, clock, LoopLock)


@final
class _ByHost:
    """The vault's way to token endpoints: a look before each address that an issuer led us to."""

    def __init__(
        self, discovered: Collection[str], untrusted: Transport, trusted: Transport
    ) -> None:
        self._discovered = discovered
        self._untrusted = untrusted
        self._trusted = trusted

    async def send(self, request: Request) -> Response:
        found = urlsplit(request.url).netloc in self._discovered
        return await (self._untrusted if found else self._trusted).send(request)
