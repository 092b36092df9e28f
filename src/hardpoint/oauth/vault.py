"""The vault: connected accounts, and the tokens that are valid now.

    async with Vault("vault.db", Keyring(Secret.env("HARDPOINT_KEYRING")), clients) as vault:
        token = await vault.access_token("acme", tenant="t1")

Any number of processes, threads and event loops may work on one file; together they refresh each
credential once. In blocking mode (`hardpoint.sync.vault`) the calling thread does what it takes.
"""

import random as randomness
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, final

from hardpoint.core.effects import Ids, Random
from hardpoint.core.errors import TokenEndpointError
from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Transport
from hardpoint.oauth.access import SLOT, TENANT, Access, TokenCache, checked, granted, unknown
from hardpoint.oauth.bearer import ConnectionAuthorization
from hardpoint.oauth.catalogue import Client
from hardpoint.oauth.effects import OAuthEffects
from hardpoint.oauth.endpoint import endpoint_transport
from hardpoint.oauth.keeping import Keeper
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.refresh import Commits, Refresher
from hardpoint.oauth.sealing import Envelope, HeldCredential, Rotated, check_keys, rotate
from hardpoint.oauth.spool import Spool
from hardpoint.oauth.states import ConnectionStatus
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.transitions import Timing
from hardpoint.runtime.clocks import SystemClock, Timekeeper
from hardpoint.runtime.work import ThreadWork, Work
from hardpoint.store.vault import SlotKey, VaultFile, VaultTables

_DEFAULT = Timing()


@final
class Vault:
    """Connected accounts, by tenant and name.

    Every verb takes `tenant` and, where one connection has several credentials, `slot`; what
    belongs to another tenant is not there.

    Args:
        path: the file; made with mode 0600 when missing.
        keyring: the keys its credentials are sealed under.
        clients: our registrations, by the name of their `[oauth.<name>]`.
        unmet: those of issuers that were not asked yet what they are.
        transport: reaches token endpoints and never suspends; its own unless given.
        work: where blocking work is done: in threads, or with `BlockingWork()` in the caller's.
        clock, random, ids: effects, for tests.
        listeners: told `ConnectionChanged`, `TokenRefreshed`, `TokenSpooled`, `ClientRefused` and
            `ClientAccepted`.
        timing: how long things may take.
        file: in place of the file at `path`: another that keeps its rows.

    Raises (every verb):
        InvalidRequestError: a name is malformed.
        StoreUnavailableError: the vault cannot be read or written now.
        StoreCorruptError: the file is damaged, or a credential was moved or changed.
    """

    def __init__(
        self,
        path: str | Path,
        keyring: Keyring,
        clients: Mapping[str, Client] | None = None,
        *,
        unmet: Collection[str] = (),
        transport: Transport | None = None,
        work: Work | None = None,
        clock: Timekeeper | None = None,
        random: Random | None = None,
        ids: Ids | None = None,
        listeners: Listeners | None = None,
        timing: Timing = _DEFAULT,
        file: VaultTables | None = None,
    ) -> None:
        self.listeners = Listeners() if listeners is None else listeners
        self._work = work or ThreadWork()
        random = random or randomness.random
        self._file = file or VaultFile(path, busy=timing.busy, listeners=self.listeners)
        self._clock = self._file.timed(clock or SystemClock())
        self._envelope = Envelope(keyring)
        self._own: BlockingTransport | None = None
        if transport is None:
            transport = self._own = endpoint_transport(timing.exchange)
        effects = self._effects = OAuthEffects(
            file=self._file,
            envelope=self._envelope,
            spool=Spool(self._file.path),
            clients={} if clients is None else clients,
            unmet=unmet,
            transport=transport,
            clock=self._clock,
            random=random,
            ids=ids or Uuid7(),
            listeners=self.listeners,
            timing=timing,
        )
        self._commits = Commits(effects)
        self._refresher = Refresher(effects, self._commits)
        self._keeper = Keeper(effects, self._commits)
        self._cache = TokenCache(timing, self._clock, random)
        self._access = Access(
            effects,
            self._cache,
            self._work,
            commits=self._commits,
            refresher=self._refresher,
            keeper=self._keeper,
        )

    # Its life

    async def open(self) -> None:
        """Make or find the file, and compare its keys with the keyring.

        Raises:
            ConfigurationError: a key of the keyring is another than the vault knows by its id.
        """
        await self._work.do(self._open)

    async def close(self) -> None:
        """Let refreshes under way come to their end."""
        await self._work.close()
        self._file.close()
        if self._own is not None:
            self._own.close()

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

    # Tokens

    async def access_token(
        self, connection: str, *, tenant: str = TENANT, slot: str = SLOT
    ) -> Secret:
        """A token, or key, that is valid now; refreshed first where it has to be.

        Raises:
            ReauthorizationRequiredError: the grant is gone, or there is none: have the user connect
                the account, again or for the first time.
            TokenRefreshError: it has ended and could not be refreshed now; `retry_after` says when
                the next try is due.
            ClientRefusedError: the provider refuses our client; no user can help.
        """
        known = self._cache.known(SlotKey(tenant, connection, slot))
        if known is not None:
            return known.tokens.access
        return (await self.current(connection, tenant=tenant, slot=slot)).tokens.access

    async def current(
        self, connection: str, *, tenant: str = TENANT, slot: str = SLOT
    ) -> HeldCredential:
        """All that is kept of a credential that is valid now: its details and ID token too.

        Raises:
            ReauthorizationRequiredError, TokenRefreshError, ClientRefusedError: see `access_token`.
        """
        key = SlotKey(tenant, connection, slot)
        known = self._cache.known(key)
        return known or granted(await self._access.current(checked(key)), self._clock.now())

    async def refresh(
        self,
        connection: str,
        *,
        tenant: str = TENANT,
        slot: str = SLOT,
        resend: bool = False,
    ) -> ConnectionStatus:
        """Refresh now, due or not; joins a refresh under way.

        Args:
            connection: its name.
            tenant: whose.
            slot: which of its credentials.
            resend: send a refresh token that may have been used up, which is otherwise never done.
                With a strict provider that may end a grant that still lives; do it when the
                alternative is to ask the user.

        Raises:
            ReauthorizationRequiredError, TokenRefreshError, ClientRefusedError: see `access_token`.
        """
        key = checked(SlotKey(tenant, connection, slot))
        await self._access.refreshed(key, resend=resend)
        return await self.status(connection, tenant=tenant, slot=slot)

    async def keep_alive(self) -> int:
        """Use every refresh token that its provider would soon forget unused; the worker does so.

        Returns:
            How many connections have new tokens.
        """
        renewed = 0
        for row in await self._work.do(self._keeper.idle):
            after = await self._work.join(row.key, partial(self._refresher.renew, row))
            self._cache.forget(row.key)
            renewed += after is not None and after.row.version > row.version
        return renewed

    async def report_rejected(
        self, connection: str, token: Secret, *, tenant: str = TENANT, slot: str = SLOT
    ) -> bool:
        """The provider's API answered 401 to a token: whoever asks next gets another.

        Only for the token that is current: one that was replaced meanwhile is no news. Nor is a
        token replaced that is younger than a minute, since the next would fare no better.

        Returns:
            Whether it will be replaced.
        """
        key = checked(SlotKey(tenant, connection, slot))
        replaced = await self._work.do(partial(self._keeper.reject, key, token))
        self._cache.forget(key)
        return replaced

    def authorization(
        self,
        connection: str,
        *,
        client: str | None = None,
        hosts: Collection[str] | None = (),
        tenant: str = TENANT,
        slot: str = SLOT,
        header: str = "authorization",
        scheme: str = "Bearer",
    ) -> Authorization:
        """The connection in place of a static key, for clients and drivers.

        Args:
            connection: its name.
            client: the client it was issued to, whose provider's hosts get it; None for a key.
            hosts: further hosts; for a key, all of them. None for those of the driver that gets
                it, where none are known of the client.
            tenant: whose.
            slot: which of its credentials.
            header: what carries the token.
            scheme: the word before it; empty for none.

        Raises:
            ConfigurationError: there is no such client.
        """
        met = client if hosts is not None or client not in self._effects.unmet else None
        known = frozenset[str]() if met is None else self._effects.client(met).entry.api_hosts
        return ConnectionAuthorization(
            self,
            connection,
            tenant=tenant,
            slot=slot,
            client=client,
            hosts=known | frozenset(hosts or ()) if known or hosts is not None else None,
            header=header,
            scheme=scheme,
        )

    # Connections

    async def put(
        self,
        connection: str,
        tokens: Tokens,
        *,
        client: str,
        tenant: str = TENANT,
        account: str | None = None,
    ) -> ConnectionStatus:
        """Keep the tokens of a flow that ended well, and those of its further slots.

        Under a name that is taken, the connection is connected again, in place of what it had.

        Args:
            connection: the name.
            tokens: of the code exchange.
            client: the name of the client they were issued to.
            tenant: whose.
            account: the account's id at the provider.

        Raises:
            FlowError: the connection belongs to another account; disconnect it, or use another
                name.
            ConfigurationError: there is no such client.
        """
        self._effects.client(client)
        for slot, found in {SLOT: tokens, **tokens.slots}.items():
            key = checked(SlotKey(tenant, connection, slot))
            await self._put(key, found, kind="oauth", client=client, account=account)
        return await self.status(connection, tenant=tenant)

    async def put_key(
        self, connection: str, secret: Secret, *, tenant: str = TENANT, user: str | None = None
    ) -> ConnectionStatus:
        """Keep an API key, or with `user` the password of Basic credentials."""
        key = checked(SlotKey(tenant, connection))
        tokens = Tokens(access=secret, issued_at=self._clock.now())
        kind = "basic" if user else "api_key"
        await self._put(key, tokens, kind=kind, client=None, account=user)
        return await self.status(connection, tenant=tenant)

    async def disconnect(
        self, connection: str, *, tenant: str = TENANT, force: bool = False
    ) -> bool:
        """Give the grant back at the provider, then erase its credentials, of every slot.

        From its first moment nobody gets a token any more. Should the provider not confirm, the
        credentials are kept for a second try; `force` erases them all the same.

        Returns:
            Whether the provider has confirmed; False where it has no way to.

        Raises:
            ReauthorizationRequiredError: there is no such connection.
            TokenEndpointError: the provider did not confirm, and not everything was erased.
        """
        first = checked(SlotKey(tenant, connection))
        cut = await self._work.do(partial(self._keeper.cut_off, tenant, connection))
        if not cut:
            raise unknown(first)
        confirmed: list[bool] = []
        for key, kept in cut.items():
            self._cache.forget(key)
            try:
                confirmed.append(await self._work.do(partial(self._keeper.give_back, kept)))
            except TokenEndpointError:
                if not force:
                    raise
                confirmed.append(False)
            await self._work.do(partial(self._keeper.erase, key))
        return all(confirmed)

    async def connections(self, *, tenant: str | None = None) -> tuple[ConnectionStatus, ...]:
        """Where every connection stands: of one tenant, or of all."""
        return await self._work.do(partial(self._keeper.statuses, tenant))

    async def status(
        self, connection: str, *, tenant: str = TENANT, slot: str = SLOT
    ) -> ConnectionStatus:
        """Where one stands.

        Raises:
            ReauthorizationRequiredError: there is no such connection.
        """
        key = checked(SlotKey(tenant, connection, slot))
        found = await self._work.do(partial(self._keeper.status, key))
        if found is None:
            raise unknown(key)
        return found

    # Keys

    async def rotate_key(self) -> Rotated:
        """Wrap every data key with the keyring's first key.

        What the data keys sealed is not touched, and readers notice nothing. Repeat it after a
        crash; it goes on where it was.

        Returns:
            How many were rewrapped, and which keys of the keyring nothing needs any more.
        """
        return await self._work.do(partial(rotate, self._file, self._envelope))

    # Inside

    def _open(self) -> None:
        self._file.open()
        check_keys(self._file, self._envelope.keyring)
        self._commits.adopt_all()

    async def _put(
        self, key: SlotKey, tokens: Tokens, *, kind: str, client: str | None, account: str | None
    ) -> None:
        job = partial(self._keeper.put, key, tokens, kind=kind, client=client, account=account)
        await self._work.do(job)
        self._cache.forget(key)
