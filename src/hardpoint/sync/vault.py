"""The blocking facade of `hardpoint.oauth.vault`; written by scripts/generate_sync."""

from collections.abc import Collection
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.oauth.access import SLOT, TENANT
from hardpoint.oauth.sealing import HeldCredential, Rotated
from hardpoint.oauth.states import ConnectionStatus
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.blocking import run
from types import TracebackType
from typing import Self
import hardpoint.oauth.vault as asynchronous

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

    def __init__(self, wrapped: asynchronous.Vault) -> None:
        self.asynchronous = wrapped

    def open(self) -> None:
        """Make or find the file, and compare its keys with the keyring.

        Raises:
            ConfigurationError: a key of the keyring is another than the vault knows by its id.
        """
        return run(self.asynchronous.open())

    def close(self) -> None:
        """Let refreshes under way come to their end."""
        return run(self.asynchronous.close())

    def __enter__(self) -> Self:
        run(self.asynchronous.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return run(self.asynchronous.__aexit__(kind, error, trace))

    def access_token(self, connection: str, *, tenant: str=TENANT, slot: str=SLOT) -> Secret:
        """A token, or key, that is valid now; refreshed first where it has to be.

        Raises:
            ReauthorizationRequiredError: the grant is gone, or there is none: have the user connect
                the account, again or for the first time.
            TokenRefreshError: it has ended and could not be refreshed now; `retry_after` says when
                the next try is due.
            ClientRefusedError: the provider refuses our client; no user can help.
        """
        return run(self.asynchronous.access_token(connection, tenant=tenant, slot=slot))

    def current(self, connection: str, *, tenant: str=TENANT, slot: str=SLOT) -> HeldCredential:
        """All that is kept of a credential that is valid now: its details and ID token too.

        Raises:
            ReauthorizationRequiredError, TokenRefreshError, ClientRefusedError: see `access_token`.
        """
        return run(self.asynchronous.current(connection, tenant=tenant, slot=slot))

    def refresh(self, connection: str, *, tenant: str=TENANT, slot: str=SLOT, resend: bool=False) -> ConnectionStatus:
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
        return run(self.asynchronous.refresh(connection, tenant=tenant, slot=slot, resend=resend))

    def keep_alive(self) -> int:
        """Use every refresh token that its provider would soon forget unused; the worker does so.

        Returns:
            How many connections have new tokens.
        """
        return run(self.asynchronous.keep_alive())

    def report_rejected(self, connection: str, token: Secret, *, tenant: str=TENANT, slot: str=SLOT) -> bool:
        """The provider's API answered 401 to a token: whoever asks next gets another.

        Only for the token that is current: one that was replaced meanwhile is no news. Nor is a
        token replaced that is younger than a minute, since the next would fare no better.

        Returns:
            Whether it will be replaced.
        """
        return run(self.asynchronous.report_rejected(connection, token, tenant=tenant, slot=slot))

    def authorization(self, connection: str, *, client: str | None=None, hosts: Collection[str] | None=(), tenant: str=TENANT, slot: str=SLOT, header: str='authorization', scheme: str='Bearer') -> Authorization:
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
        return self.asynchronous.authorization(connection, client=client, hosts=hosts, tenant=tenant, slot=slot, header=header, scheme=scheme)

    def put(self, connection: str, tokens: Tokens, *, client: str, tenant: str=TENANT, account: str | None=None) -> ConnectionStatus:
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
        return run(self.asynchronous.put(connection, tokens, client=client, tenant=tenant, account=account))

    def put_key(self, connection: str, secret: Secret, *, tenant: str=TENANT, user: str | None=None) -> ConnectionStatus:
        """Keep an API key, or with `user` the password of Basic credentials."""
        return run(self.asynchronous.put_key(connection, secret, tenant=tenant, user=user))

    def disconnect(self, connection: str, *, tenant: str=TENANT, force: bool=False) -> bool:
        """Give the grant back at the provider, then erase its credentials, of every slot.

        From its first moment nobody gets a token any more. Should the provider not confirm, the
        credentials are kept for a second try; `force` erases them all the same.

        Returns:
            Whether the provider has confirmed; False where it has no way to.

        Raises:
            ReauthorizationRequiredError: there is no such connection.
            TokenEndpointError: the provider did not confirm, and not everything was erased.
        """
        return run(self.asynchronous.disconnect(connection, tenant=tenant, force=force))

    def connections(self, *, tenant: str | None=None) -> tuple[ConnectionStatus, ...]:
        """Where every connection stands: of one tenant, or of all."""
        return run(self.asynchronous.connections(tenant=tenant))

    def status(self, connection: str, *, tenant: str=TENANT, slot: str=SLOT) -> ConnectionStatus:
        """Where one stands.

        Raises:
            ReauthorizationRequiredError: there is no such connection.
        """
        return run(self.asynchronous.status(connection, tenant=tenant, slot=slot))

    def rotate_key(self) -> Rotated:
        """Wrap every data key with the keyring's first key.

        What the data keys sealed is not touched, and readers notice nothing. Repeat it after a
        crash; it goes on where it was.

        Returns:
            How many were rewrapped, and which keys of the keyring nothing needs any more.
        """
        return run(self.asynchronous.rotate_key())
