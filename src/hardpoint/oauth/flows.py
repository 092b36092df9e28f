"""One flow for signing in and for connecting accounts: to the provider, and back with proof.

    begun = await flows.begin(Kind.LOGIN, "acme", held=cookie, return_to="/orders")
    ...                                  # the browser goes to begun.url, holding begun.held
    done = await flows.finish("acme", query, held=cookie)

Authorization code with PKCE S256 (RFC 9700). What must not be known to the browser is kept here,
under a hash of the state; what must not be known here is held by the browser alone; PKCE verifier
and nonce follow from both together, so that neither a dump of our database nor a stolen URL is
enough. A state works once, in the browser that began, for the provider it was made for, and for the
user who was signed in then.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import final
from urllib.parse import urlencode

from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    ClientRefusedError,
    ConfigurationError,
    FlowError,
    OAuthError,
    ProviderError,
    TokenEndpointError,
)
from hardpoint.core.events import Listeners
from hardpoint.core.secrets import Secret
from hardpoint.core.traces import summary_of
from hardpoint.oauth.answers import member
from hardpoint.oauth.authorization import (
    authorize_url,
    check_hmac,
    check_issuer,
    code_of,
    parameters,
)
from hardpoint.oauth.catalogue import Pkce, ProviderEntry
from hardpoint.oauth.cookies import checked_return
from hardpoint.oauth.effects import ENTROPY, Entropy, digest, equal, secret
from hardpoint.oauth.flow import (
    Authority,
    Begun,
    Flow,
    FlowDone,
    FlowFinished,
    FlowKind,
    FlowRefused,
    FlowStore,
)
from hardpoint.oauth.identity import Asked, Identity
from hardpoint.oauth.logout import LogoutNotice, is_of
from hardpoint.oauth.tokens import Tokens

FLOW_SECONDS = 600.0
"""From the first redirect to the callback."""
FLOWS_MAX = 20
"""How many may be under way in one browser: one for each tab, within reason."""

_HELD_CHARACTERS = 43


@final
class Flows:
    """Begins and finishes flows.

    Args:
        store: where they are kept.
        clock: for how long.
        login, connect: the providers, by the names that stand in our paths.
        unmet: those of issuers that were not asked yet what they are.
        origins: other sites of ours that one may return to.
        listeners: told `FlowFinished` and `FlowRefused`.
        entropy: where states and salts come from.
    """

    def __init__(
        self,
        store: FlowStore,
        clock: Clock,
        *,
        login: Mapping[str, Authority],
        connect: Mapping[str, Authority],
        unmet: Collection[str] = (),
        origins: Collection[str] = (),
        listeners: Listeners | None = None,
        entropy: Entropy = ENTROPY,
    ) -> None:
        for name, authority in login.items():
            if authority.identify is None:
                raise ConfigurationError(f"oauth.{name}", "cannot tell who signs in")
        _refuse_shared_redirects(login, connect)
        self._store = store
        self._clock = clock
        self._login = login
        self._connect = connect
        self._unmet = unmet
        self._origins = origins
        self._listeners = Listeners() if listeners is None else listeners
        self._entropy = entropy

    async def begin(
        self,
        kind: FlowKind,
        provider: str,
        *,
        held: str | None = None,
        return_to: str = "/",
        user: str | None = None,
        scopes: Sequence[str] = (),
        connection: str | None = None,
        account: str | None = None,
        hint: str | None = None,
        age_max: float | None = None,
    ) -> Begun:
        """Start one.

        Args:
            kind: what for.
            provider: at which.
            held: what the browser holds of flows before, if anything.
            return_to: where to afterwards.
            user: who is signed in; needed for everything but a login.
            scopes: what to ask for beside the client's own.
            connection: which one is renewed.
            account: whose it has to be.
            hint: who the person probably is (`login_hint`).
            age_max: seconds since they last proved who they are, at most.

        Raises:
            FlowError: no such provider, nobody is signed in, or `return_to` leads elsewhere.
        """
        authority = self._authority(kind, provider)
        if kind is not FlowKind.LOGIN and user is None:
            raise FlowError("Sign in first", reason="not_signed_in")
        if kind in {FlowKind.UPGRADE, FlowKind.RECONNECT} and connection is None:
            raise FlowError("connection: is missing", reason="connection")
        if held is None or len(held) != _HELD_CHARACTERS:
            held = secret(self._entropy)
        state = secret(self._entropy)
        client = authority.endpoint.client
        now = self._clock.now()
        flow = Flow(
            key=digest(state),
            kind=kind,
            provider=provider,
            browser=digest(held),
            salt=self._entropy(32),
            return_to=checked_return(return_to, self._origins),
            scopes=tuple(dict.fromkeys((*(client.scopes or client.entry.scopes), *scopes))),
            user=user if kind is not FlowKind.LOGIN else None,
            connection=connection,
            account=account,
            age_max=age_max,
            expires_at=now + FLOW_SECONDS,
        )
        await self._store.put_flow(flow, FLOWS_MAX, now)
        url = authorize_url(
            client,
            state=state,
            nonce=flow.nonce(held),
            verifier=flow.verifier(held),
            scopes=flow.scopes,
            extras={
                "login_hint": hint,
                "max_age": None if age_max is None else str(int(age_max)),
            },
        )
        return Begun(url=url, held=held, form_post=client.entry.form_post)

    async def finish(
        self,
        provider: str,
        query: Sequence[tuple[str, str]],
        *,
        held: str | None,
        user: str | None = None,
    ) -> FlowDone:
        """Take what the browser brings back.

        Args:
            provider: whose path it came to.
            query: names and values, in order.
            held: what the browser holds.
            user: who is signed in now.

        Raises:
            FlowError: it is refused; `reason` says why.
            InvalidTokenError: what the provider says of the person is not to be believed.
            ClientRefusedError: the provider does not take our client for what it is.
            TokenEndpointError, ProviderError: it does not answer, or not sensibly.
        """
        try:
            done = await self._finished(provider, query, held, user)
        except (OAuthError, ProviderError) as error:
            self._refused(provider, error)
            raise
        if self._listeners.active:
            self._listeners.emit(FlowFinished(kind=done.kind.value, provider=provider))
        return done

    async def signed_out(self, provider: str, token: str) -> LogoutNotice:
        """Read a provider's notice that somebody has signed out there (Back-Channel Logout 1.0).

        Args:
            provider: whose path it came to.
            token: its `logout_token`.

        Raises:
            FlowError: no such provider, or one that sends none.
            InvalidTokenError: it is not to be believed.
            ProviderError: the provider's keys cannot be had.
        """
        found = self._login.get(provider)
        try:
            if found is None or found.notices is None:
                raise FlowError("There is no such provider", reason="unknown_provider")
            return await found.notices.read(token)
        except (OAuthError, ProviderError) as error:
            self._refused(provider, error)
            raise

    def logout_url(
        self,
        issuer: str | None,
        back: str,
        *,
        subject: str | None = None,
        id_token: str | None = None,
    ) -> str | None:
        """Where to send somebody who has signed out here, to sign out there (RP-Initiated Logout).

        Args:
            issuer: how they had signed in.
            back: where the provider sends them afterwards; it has to be registered there.
            subject: who they are there.
            id_token: what their browser held of `FlowDone.id_token_hint`; another's is left out.

        Returns:
            None where that is not wanted, or the provider has no such address.
        """
        for authority in self._login.values():
            client = authority.endpoint.client
            url = client.entry.end_session_url
            if authority.logout and url is not None and issuer == client.entry.issuer:
                said = {"client_id": client.client_id, "post_logout_redirect_uri": back}
                if authority.id_token_hint and id_token and is_of(id_token, issuer or "", subject):
                    said["id_token_hint"] = id_token
                return f"{url}{'&' if '?' in url else '?'}{urlencode(said)}"
        return None

    def _refused(self, provider: str, error: OAuthError | ProviderError) -> None:
        mine = isinstance(error, FlowError)  # the visitor's
        if mine and not self._listeners.active:
            return
        known = provider in self._login or provider in self._connect
        self._listeners.emit(
            FlowRefused(
                provider=provider if known else "",
                reason=getattr(error, "reason", "provider"),
                error=None if mine else summary_of(error),
            )
        )

    async def _finished(
        self, provider: str, query: Sequence[tuple[str, str]], held: str | None, user: str | None
    ) -> FlowDone:
        """The checks, in this order; each is there for an attack that the tests name."""
        said = parameters(query)
        flow = await self._store.find_flow(digest(said.get("state", "")))
        if flow is None or self._clock.now() >= flow.expires_at:
            raise FlowError("This sign-in has ended or expired", reason="unknown_state")
        if held is None or not equal(digest(held), flow.browser):
            raise FlowError("This sign-in began in another browser", reason="other_browser")
        if flow.provider != provider:
            raise FlowError("This sign-in began at another provider", reason="other_provider")
        if flow.kind is not FlowKind.LOGIN and user != flow.user:
            raise FlowError("Somebody else has signed in meanwhile", reason="other_user")
        authority = self._authority(flow.kind, provider)
        entry = authority.endpoint.client.entry
        check_issuer(entry, said.get("iss"))
        check_hmac(authority.endpoint.client, said)
        if not await self._store.take_flow(flow.key):
            raise FlowError("This sign-in has ended or expired", reason="unknown_state")
        kept = {name: said[name] for name in entry.callback_fields if name in said}
        return await self._exchanged(authority, flow, code_of(entry, said), held, kept)

    async def _exchanged(
        self, authority: Authority, flow: Flow, code: Secret, held: str, kept: Mapping[str, str]
    ) -> FlowDone:
        entry = authority.endpoint.client.entry
        verifier = Secret.value(flow.verifier(held)) if entry.pkce is Pkce.S256 else None
        try:
            tokens = await authority.endpoint.exchange(code, verifier=verifier)
        except TokenEndpointError as error:
            if error.verdict == "client":  # ours to mend, not the person's
                raise ClientRefusedError(
                    client=flow.provider, reason=error.vendor_code or "refused"
                ) from error
            if error.verdict == "transient":
                raise
            raise FlowError(
                "The provider gave no tokens for the code", reason="not_exchanged"
            ) from error
        if kept:
            tokens = replace(tokens, details={**kept, **tokens.details})
        identity = None
        if authority.identify is not None:
            asked = Asked(
                nonce=flow.nonce(held) if entry.jwks_url is not None else None,
                access_token=tokens.access.reveal(),
                code=code.reveal(),
                age_max=flow.age_max,
            )
            identity = await authority.identify(tokens, asked)
        account = account_of(entry, tokens, identity)
        if flow.account is not None and account != flow.account:
            raise FlowError("This is not the account that was connected", reason="other_account")
        return FlowDone(
            kind=flow.kind,
            provider=flow.provider,
            return_to=flow.return_to,
            tokens=tokens,
            identity=identity,
            account=account,
            user=flow.user,
            connection=flow.connection,
            missing=_missing(flow, tokens),
            id_token_hint=tokens.id_token if authority.id_token_hint else None,
        )

    def _authority(self, kind: FlowKind, provider: str) -> Authority:
        found = (self._login if kind is FlowKind.LOGIN else self._connect).get(provider)
        if found is None and provider in self._unmet:
            raise FlowError(
                f"{provider} has not been reached yet: it is asked when the hub starts",
                reason="not_started",
            )
        if found is None:
            raise FlowError("There is no such provider", reason="unknown_provider")
        return found


def _refuse_shared_redirects(*groups: Mapping[str, Authority]) -> None:
    """Each provider has a callback of its own: what comes to it is an answer of no other."""
    seen: dict[str, str] = {}
    for group in groups:
        for name, authority in group.items():
            uri = authority.endpoint.client.redirect_uri or ""
            if seen.setdefault(uri, name) != name:
                raise ConfigurationError(
                    f"oauth.{name}.redirect_uri", f"is that of {seen[uri]} too"
                )


def account_of(entry: ProviderEntry, tokens: Tokens, identity: Identity | None) -> str | None:
    """The account's name at the provider: what its answer says, else whose it is."""
    value = member(tokens.details, entry.account_field) if entry.account_field else None
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    return None if identity is None else identity.subject


def _missing(flow: Flow, tokens: Tokens) -> tuple[str, ...]:
    """What was asked for and not granted, where the answer says what was (RFC 6749, 5.1)."""
    granted = flow.scopes if tokens.scope is None else tokens.scope
    return tuple(one for one in flow.scopes if one not in granted)
