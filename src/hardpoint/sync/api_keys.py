"""The blocking facade of `hardpoint.api_keys`; written by scripts/generate_sync."""

from collections.abc import Iterable, Sequence
from hardpoint.api_keys.api import GRACE_SECONDS
from hardpoint.api_keys.reading import CallerRequest
from hardpoint.api_keys.types import ApiKey, NewApiKey, Principal, TENANT
from hardpoint.core.secrets import Secret
from hardpoint.runtime.blocking import run
import hardpoint.api_keys.api as asynchronous

class ApiKeys:
    """The keys, kept where the vault keeps its rows.

    Args:
        tables: of the vault; they are opened when they are first needed.
        brand: what every key begins with.
        limit: how much one key may call, counted in each process by itself.
        work: where blocking work is done: in threads, or with `BlockingWork()` in the caller's.
        clock, ids, entropy: effects, for tests.
        listeners: told `CallerRefused`, `ApiKeyChanged` and `KeyUseUnwritten`.
        issuers: whose tokens are taken besides.
        signers: whose signed requests are taken besides.
        url: our address, which they sign; see `public_url`.
        fetch: gets the issuers' keys, and never suspends; its own unless given.

    Raises (every verb):
        InvalidRequestError: an argument is malformed.
        StoreUnavailableError: the keys cannot be read or written now; nobody is let in.
    """

    def __init__(self, wrapped: asynchronous.ApiKeys) -> None:
        self.asynchronous = wrapped

    def create(self, name: str, *, scopes: Iterable[str]=(), tenant: str=TENANT, expires_in: float | None=None) -> NewApiKey:
        """Make a key. Its secret is in the answer, and nowhere else.

        Args:
            name: what people call it.
            scopes: what it may do.
            tenant: whose it is.
            expires_in: seconds until it ends; None for never.
        """
        return run(self.asynchronous.create(name, scopes=scopes, tenant=tenant, expires_in=expires_in))

    def list(self, *, tenant: str | None=None) -> tuple[ApiKey, ...]:
        """All keys, of one tenant or of all, those that are not taken any more too."""
        return run(self.asynchronous.list(tenant=tenant))

    def revoke(self, key: str) -> ApiKey:
        """Take a key out of use: here at once, in other processes within five seconds.

        Args:
            key: its id, or what it begins with.

        Raises:
            NotFoundError: there is none.
        """
        return run(self.asynchronous.revoke(key))

    def rotate(self, key: str, *, grace: float=GRACE_SECONDS) -> NewApiKey:
        """Make a key in place of another, which is taken for `grace` seconds more.

        The new one has the name, the scopes and the tenant of the old one, and lasts as long.

        Args:
            key: the old one's id, or what it begins with.
            grace: 0 ends the old one at once.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: it is not taken any more: create another.
        """
        return run(self.asynchronous.rotate(key, grace=grace))

    def verify(self, key: str | Secret, *, scopes: Sequence[str]=(), tenant: str | None=None) -> Principal:
        """Who holds a key. A key in use costs no look at the store, but every four seconds.

        Args:
            key: as it was presented.
            scopes: what the holder has to be allowed.
            tenant: whose key it has to be; None for anyone's.

        Raises:
            UnauthenticatedError: it is not taken, whatever the reason.
            InsufficientScopeError: it lacks a scope.
            LimitExceededError: it has called too much, or somebody is guessing keys.
        """
        return run(self.asynchronous.verify(key, scopes=scopes, tenant=tenant))

    def authenticate(self, request: CallerRequest, *, scopes: Sequence[str]=(), tenant: str | None=None) -> Principal:
        """Who sent a request: with a key or a token, or by its signature.

        `Authorization: Bearer ...` or `X-API-Key: KEY`; or it is signed, see `SigningCaller`.

        Args:
            request: which, with its body if `reads_body`.
            scopes: see `verify`, which says what is raised too.
            tenant: see there.

        Raises:
            UnavailableError, UnexpectedResponseError: an issuer's keys cannot be fetched now.
        """
        return run(self.asynchronous.authenticate(request, scopes=scopes, tenant=tenant))

    def reads_body(self, headers: Sequence[tuple[str, str]]) -> bool:
        """Whether a request is signed, so that `authenticate` has to see its body."""
        return self.asynchronous.reads_body(headers)

    def close(self) -> None:
        """Write down when keys were used, and let go what is open; it can be used on."""
        return run(self.asynchronous.close())
