"""The token endpoint, RFC 6749 3.2: one request, one answer, tokens or one typed error.

It never retries: who sends a refresh token twice may lose the grant.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, final
from urllib.parse import quote, quote_plus, urlencode

from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    ConfigurationError,
    HardpointError,
    OutcomeUnknownError,
    TokenEndpointError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.client import USER_AGENT
from hardpoint.http.forms import FORM
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response, Transport
from hardpoint.oauth.answers import ANSWER_BYTES_MAX, accepted, tokens_from
from hardpoint.oauth.assertions import assertion
from hardpoint.oauth.catalogue import BodyEncoding, Client, ClientAuth, Revocation
from hardpoint.oauth.tokens import Tokens

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"

FormFields = Mapping[str, str | Secret]


def endpoint_transport(exchange: float) -> BlockingTransport:
    """A way to token endpoints that never suspends, for a vault of its own.

    The deadline is a refresh's own: whoever asked for it may be gone before it ends. It keeps no
    connection, so that none is carried over a fork.

    Args:
        exchange: seconds for one answer.
    """
    limits = Limits(exchange=exchange, body_bytes_max=ANSWER_BYTES_MAX, idle_connections=0)
    return BlockingTransport(limits, remaining=lambda: None)


@final
class TokenEndpoint:
    """One client at its authorization server.

    Each of its requests is one attempt, and raises `TokenEndpointError` for all that is no token:
    `verdict` says what follows, `outcome_known` whether the server may have acted all the same.

    Args:
        transport: how. Its limits are the deadline: `Limits(exchange=20)`.
        client: who asks.
        clock: when, to count lives from.
    """

    def __init__(self, transport: Transport, client: Client, clock: Clock) -> None:
        self.client = client
        self._transport = transport
        self._clock = clock

    async def exchange(self, code: Secret, *, verifier: Secret | None = None) -> Tokens:
        """A callback's code for tokens (RFC 6749 4.1.3), with the PKCE verifier if one was made.

        Raises:
            TokenEndpointError: none came; a code is used up all the same.
        """
        fields: dict[str, str | Secret] = {"grant_type": "authorization_code", "code": code}
        if self.client.redirect_uri is not None:
            fields["redirect_uri"] = self.client.redirect_uri
        if verifier is not None:
            fields["code_verifier"] = verifier
        return await self._tokens(fields)

    async def refresh(self, token: Secret) -> Tokens:
        """A refresh token for new tokens (RFC 6749 6); asks for no scope, which some refuse.

        Raises:
            TokenEndpointError: none came.
        """
        url = self.client.entry.refresh_url
        fields = {"grant_type": "refresh_token", "refresh_token": token}
        return await self._tokens(fields, url=url)

    async def client_credentials(self, scopes: Sequence[str] = ()) -> Tokens:
        """Tokens for the client itself (RFC 6749 4.4).

        Raises:
            TokenEndpointError: none came.
        """
        fields = {"grant_type": "client_credentials"}
        if scopes:
            fields["scope"] = self.client.entry.scope_separator.join(scopes)
        return await self._tokens(fields)

    async def device_code(self, scopes: Sequence[str] = ()) -> Mapping[str, Any]:
        """What a device shows its user, as the server answers it (RFC 8628 3.2).

        Raises:
            ConfigurationError: the provider has no such flow.
            TokenEndpointError: it does not begin one.
        """
        entry = self.client.entry
        if entry.device_url is None:
            raise ConfigurationError(
                f"oauth.{entry.name}.device_url", "is not known: the provider has no device flow"
            )
        fields = {"scope": entry.scope_separator.join(scopes)} if scopes else {}
        response = await self._send(self._form(entry.device_url, fields))
        return accepted(response, entry, private=self._private())

    async def device_tokens(self, code: Secret) -> Tokens:
        """A device's code for tokens, once its user has agreed (RFC 8628 3.4).

        Raises:
            TokenEndpointError: not yet, or never; `vendor_code` says which.
        """
        return await self._tokens({"grant_type": DEVICE_GRANT, "device_code": code})

    async def give_back(self, tokens: Tokens) -> bool:
        """Revoke a grant by the token that stands for all of it; see `revoke`."""
        by_refresh = self.client.entry.revocation is Revocation.TOKEN
        if tokens.refresh is None or not by_refresh:
            return await self.revoke(tokens.access, hint="access_token")
        return await self.revoke(tokens.refresh)

    async def revoke(self, token: Secret, *, hint: str = "refresh_token") -> bool:
        """Give a token, and as a rule its whole grant, back (RFC 7009).

        Returns:
            False when the provider has no way to.

        Raises:
            TokenEndpointError: it was not, or nobody knows.
        """
        entry = self.client.entry
        if entry.revocation_url is None:
            return False
        if entry.revocation is Revocation.BEARER:
            request = self._request(entry.revocation_url, b"", _bearer(token))
        elif entry.revocation is Revocation.DELETE:
            request = self._deletion(entry.revocation_url, token)
        else:
            request = self._form(entry.revocation_url, {"token": token, "token_type_hint": hint})
        response = await self._send(request)
        # A 200 is a success whatever its body says (RFC 7009, 2.2), but for those who refuse so.
        told = entry.ok_field is not None and response.body.strip()
        if told or not 200 <= response.status < 300:
            accepted(response, entry, private=self._private(token))
        return True

    async def introspect(self, token: Secret) -> bool | None:
        """Whether a token is still good, asked without using it (RFC 7662).

        Returns:
            None when the provider has no way to tell.

        Raises:
            TokenEndpointError: it did not say.
        """
        entry = self.client.entry
        if entry.introspection_url is None:
            return None
        response = await self._send(self._form(entry.introspection_url, {"token": token}))
        active = accepted(response, entry, private=self._private(token)).get("active")
        if not isinstance(active, bool):
            raise TokenEndpointError(f"{entry.name} does not say whether the token is active")
        return active

    async def _tokens(self, fields: FormFields, *, url: str | None = None) -> Tokens:
        entry = self.client.entry
        sent_at = self._clock.now()
        request = self._form(url or entry.token_url, {**entry.token_params, **fields})
        secrets = [one for one in fields.values() if isinstance(one, Secret)]
        response = await self._send(request)
        return tokens_from(response, entry, sent_at=sent_at, private=self._private(*secrets))

    async def _send(self, request: Request) -> Response:
        """Send it once. No frame from here on has a variable that shows what is in the request."""
        try:
            return await self._transport.send(request)
        except HardpointError as error:
            failure = TokenEndpointError(
                f"{self.client.entry.name}: {error}",
                retry_after=error.retry_after,
                outcome_known=not isinstance(error, OutcomeUnknownError | UnexpectedResponseError),
            )
        raise failure  # out here, where the transport's frames do not follow it

    def _form(self, url: str, fields: FormFields) -> Request:
        """Fields with the proof of who the client is, in a header or among them."""
        client, secret = self.client, self.client.client_secret
        entry = client.entry
        headers: list[tuple[str, str]] = []
        own: dict[str, str | Secret] = {}
        if entry.client_auth is ClientAuth.BASIC and secret is not None:
            headers.append(_basic(client.client_id, secret))
        else:
            own["client_id"] = client.client_id
        if entry.client_auth is ClientAuth.POST and secret is not None:
            own["client_secret"] = secret
        if entry.client_auth is ClientAuth.PRIVATE_KEY_JWT and client.client_key is not None:
            own |= assertion(client, client.client_key, now=self._clock.now())
        form = entry.encoding is BodyEncoding.FORM
        headers.append(("content-type", FORM if form else "application/json"))
        return self._request(url, _encoded({**fields, **own}, form=form), *headers)

    def _deletion(self, url: str, token: Secret) -> Request:
        client, secret = self.client, self.client.client_secret
        proof = () if secret is None else (_basic(client.client_id, secret),)
        return self._request(
            url.replace("CLIENT_ID", quote(client.client_id, safe="")),
            _encoded({"access_token": token}, form=False),
            ("content-type", "application/json"),
            *proof,
            method="DELETE",
        )

    def _request(
        self, url: str, body: bytes, *headers: tuple[str, str], method: str = "POST"
    ) -> Request:
        """Asks for JSON aloud: one vendor answers with a form otherwise."""
        return Request(
            method=method,
            url=url,
            headers=(
                ("accept", "application/json"),
                ("user-agent", USER_AGENT),
                *self.client.entry.token_headers.items(),
                *headers,
            ),
            body=body,
        )

    def _private(self, *secrets: Secret) -> Sequence[Secret]:
        own = self.client.client_secret
        return secrets if own is None else (*secrets, own)


def _basic(client_id: str, secret: Secret) -> tuple[str, str]:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return "authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"


def _bearer(token: Secret) -> tuple[str, str]:
    return "authorization", f"Bearer {token.reveal()}"


def _encoded(fields: FormFields, *, form: bool) -> bytes:
    pairs = {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in fields.items()
    }
    return (urlencode(pairs) if form else json.dumps(pairs)).encode()
