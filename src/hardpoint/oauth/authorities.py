"""Clients put to use: with their token endpoints, and with who tells whose tokens are."""

from collections.abc import Collection
from functools import cached_property
from typing import final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load, provider, provider_names
from hardpoint.http.messages import Transport
from hardpoint.oauth.catalogue import Client
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.flow import Authority
from hardpoint.oauth.identity import Identify
from hardpoint.oauth.jwks import Fetch, KeyCache, Lock
from hardpoint.oauth.jwt import Expected
from hardpoint.oauth.openid import OpenIdentity, UserinfoIdentity

ANY_TENANT = "any"
_OPENID = "openid"
_EMAIL = "email"


@final
class Authorities:
    """Makes authorities that share one cache of keys.

    Args:
        transport: to token and userinfo endpoints; its limits are their deadline.
        fetch: an `Untrusted`, to where issuers say that their keys are.
        clock: effects.
        lock: makes locks: `LoopLock`.
    """

    def __init__(self, transport: Transport, fetch: Fetch, clock: Clock, lock: Lock) -> None:
        self._transport = transport
        self._fetch = fetch
        self._clock = clock
        self._lock = lock

    @cached_property
    def _keys(self) -> KeyCache:
        """Made when the first issuer with keys needs it: the others can do without joserfc."""
        return KeyCache(self._fetch, self._clock, self._lock)

    def make(self, client: Client, *, tenants: Collection[str] = ()) -> Authority:
        """What a client can do.

        Args:
            client: ours, with its redirect URI.
            tenants: whose people are taken, where the issuer serves many; `any` for everyone's.

        Raises:
            ConfigurationError: an issuer of many tenants, and nobody said whose people are taken;
                or the extra `oauth` is needed and not installed.
        """
        return Authority(
            endpoint=TokenEndpoint(self._transport, client, self._clock),
            identify=self._identify(client, tenants),
        )

    def _identify(self, client: Client, tenants: Collection[str]) -> Identify | None:
        entry = client.entry
        if entry.issuer is None or entry.jwks_url is None:
            known = entry.name in provider_names()
            reference = provider(entry.name).identity if known else None
            return None if reference is None else load(reference)(self._transport, entry)
        if _OPENID not in (client.scopes or entry.scopes):
            return None
        if "{" in entry.issuer and not tenants:
            raise ConfigurationError(
                f"oauth.{entry.name}.tenants",
                "is missing, and this issuer serves every tenant in the world",
                fix='Name the tenants whose people may sign in, or ["any"]',
            )
        expected = Expected(
            issuer=entry.issuer,
            audience=client.client_id,
            algorithms=entry.algorithms,
            aliases=frozenset(entry.issuer_aliases),
            tenants=frozenset() if ANY_TENANT in tenants else frozenset(tenants),
        )
        identify = OpenIdentity(expected, entry.jwks_url, self._keys, self._clock)
        if entry.userinfo_url is not None and _EMAIL in (client.scopes or entry.scopes):
            return UserinfoIdentity(identify, self._transport, entry.userinfo_url)
        return identify
