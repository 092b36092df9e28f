"""Clients put to use: with their token endpoints, and with who tells whose tokens are."""

from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load
from hardpoint.core.providers import provider as manifest
from hardpoint.http.messages import Transport
from hardpoint.oauth.catalogue import Client
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.flow import Authority
from hardpoint.oauth.identity import Identify
from hardpoint.oauth.jwks import Fetch, KeyCache, Lock
from hardpoint.oauth.jwt import Expected
from hardpoint.oauth.logout import LOGOUT_TYPES, LogoutNotices
from hardpoint.oauth.openid import OpenIdentity, UserinfoIdentity
from hardpoint.oauth.profile import ProfileIdentity

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

    def make(
        self,
        client: Client,
        *,
        tenants: Collection[str] = (),
        provider: str | None = None,
        logout: bool = False,
        id_token_hint: bool = False,
    ) -> Authority:
        """What a client can do.

        Args:
            client: ours, with its redirect URI.
            tenants: whose people are taken, where the issuer serves many; `any` for everyone's.
            provider: whose folder may know how to tell whose tokens are.
            logout: send people who sign out here there too.
            id_token_hint: with their ID token, which they keep until then.

        Raises:
            ConfigurationError: an issuer of many tenants, and nobody said whose people are taken;
                the provider has no address to sign out at; or the extra `oauth` is needed and not
                installed.
        """
        entry = client.entry
        if logout and entry.end_session_url is None:
            raise ConfigurationError(
                f"oauth.{entry.name}.logout", "is true, and no address to sign out at is known"
            )
        if id_token_hint and not (logout and entry.jwks_url is not None):
            raise ConfigurationError(
                f"oauth.{entry.name}.id_token_hint",
                "is true, and nobody is sent to an OpenID provider to sign out",
                fix="Add logout = true; a provider without ID tokens wants none",
            )
        return Authority(
            endpoint=TokenEndpoint(self._transport, client, self._clock),
            identify=self._identify(client, tenants, provider),
            notices=self._notices(client, tenants),
            logout=logout,
            id_token_hint=id_token_hint,
        )

    def _notices(self, client: Client, tenants: Collection[str]) -> LogoutNotices | None:
        entry = client.entry
        if entry.issuer is None or entry.jwks_url is None or ("{" in entry.issuer and not tenants):
            return None
        expected = replace(_expected(client, entry.issuer, tenants), types=LOGOUT_TYPES)
        return LogoutNotices(expected, entry.jwks_url, self._keys, self._clock)

    def _identify(
        self, client: Client, tenants: Collection[str], provider: str | None
    ) -> Identify | None:
        entry = client.entry
        if entry.subject_field is not None and entry.userinfo_url is not None:
            return ProfileIdentity(self._transport, entry)
        if entry.issuer is None or entry.jwks_url is None:
            reference = None if provider is None else manifest(provider).identity
            return None if reference is None else load(reference)(self._transport, entry)
        if _OPENID not in (client.scopes or entry.scopes):
            return None
        if "{" in entry.issuer and not tenants:
            raise ConfigurationError(
                f"oauth.{entry.name}.tenants",
                "is missing, and this issuer serves every tenant in the world",
                fix='Name the tenants whose people may sign in, or ["any"]',
            )
        expected = _expected(client, entry.issuer, tenants)
        identify = OpenIdentity(expected, entry.jwks_url, self._keys, self._clock)
        if entry.userinfo_url is not None and _EMAIL in (client.scopes or entry.scopes):
            return UserinfoIdentity(identify, self._transport, entry.userinfo_url)
        return identify


def _expected(client: Client, issuer: str, tenants: Collection[str]) -> Expected:
    entry = client.entry
    return Expected(
        issuer=issuer,
        audience=client.client_id,
        algorithms=entry.algorithms,
        aliases=frozenset(entry.issuer_aliases),
        tenants=frozenset() if ANY_TENANT in tenants else frozenset(tenants),
    )
