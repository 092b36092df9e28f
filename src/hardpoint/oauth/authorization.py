"""The authorization request and its answer (RFC 6749 4.1, 7636, 9207): texts in, texts out."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from hardpoint.core.errors import FlowError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.catalogue import Client, Pkce, ProviderEntry
from hardpoint.oauth.effects import equal

CHARACTERS_MAX = 8192
"""The longest value that we take; codes of some providers have some thousands."""

_REASONS: Final = frozenset(
    {
        "access_denied",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
    }
)
"""RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6; another word is whatever somebody wrote."""
_TENANT: Final = r"[A-Za-z0-9-]{1,64}"


def authorize_url(
    client: Client,
    *,
    state: str,
    nonce: str,
    verifier: str,
    scopes: Sequence[str],
    extras: Mapping[str, str | None],
) -> str:
    """Where to send the browser.

    Args:
        client: our registration there.
        state: what the answer has to carry.
        nonce: what an ID token has to carry; sent to OpenID providers alone.
        verifier: whose challenge is sent, where the provider knows PKCE.
        scopes: what to ask for.
        extras: what else to say, such as `login_hint`; None is left out.
    """
    entry = client.entry
    said: dict[str, str | None] = {
        **entry.authorize_params,
        **extras,
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": entry.scope_separator.join(scopes) or None,
        "state": state,
        "nonce": nonce if entry.jwks_url is not None else None,
        "response_mode": "form_post" if entry.form_post else None,
    }
    if entry.pkce is Pkce.S256:
        said |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
    query = urlencode({name: value for name, value in said.items() if value is not None})
    return f"{entry.authorize_url}{'&' if '?' in entry.authorize_url else '?'}{query}"


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def parameters(query: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """The parameters of an answer, by name.

    Raises:
        FlowError: one stands twice (RFC 6749, 3.1, forbids it), or is longer than any.
    """
    found = dict(query)
    if len(found) != len(query):
        raise FlowError("The answer names a parameter twice", reason="repeated_parameter")
    if any(len(value) > CHARACTERS_MAX for value in found.values()):
        raise FlowError("The answer is too long", reason="too_long")
    return found


def check_issuer(entry: ProviderEntry, said: str | None) -> None:
    """See that the answer is this provider's own (RFC 9207).

    Raises:
        FlowError: it names another, or none although this provider always names itself.
    """
    if entry.issuer is None or (said is None and not entry.sends_iss):
        return
    ours = {entry.issuer, *entry.issuer_aliases}
    if said in ours or (said is not None and _of_template(entry.issuer, said)):
        return
    raise FlowError("The answer comes from another provider", reason="issuer")


def check_hmac(client: Client, said: Mapping[str, str]) -> None:
    """See that the provider has signed the answer, if it is one that does.

    Signed is what the others say, by name and written as a form (WHATWG URL), under the client's
    secret; Shopify's rule.

    Raises:
        FlowError: it has not, or something was changed.
    """
    name, key = client.entry.callback_hmac, client.client_secret
    if name is None or key is None:
        return
    others = sorted((one, value) for one, value in said.items() if one != name)
    signed = urlencode(others, safe="*").replace("~", "%7E").encode()
    expected = hmac.digest(key.reveal().encode(), signed, "sha256").hex()
    if not equal(said.get(name, ""), expected):
        raise FlowError("The answer is not signed by the provider", reason="callback_hmac")


def code_of(entry: ProviderEntry, said: Mapping[str, str]) -> Secret:
    """The code that an answer brings.

    Raises:
        FlowError: it brings an error, whose word is the reason if it is a known one, or nothing.
    """
    error = said.get("error")
    if error is not None:
        reason = error if error in _REASONS else "provider_error"
        raise FlowError("The provider refused", reason=reason)
    code = said.get(entry.code_parameter)
    if not code:
        raise FlowError("The answer contains no code", reason="no_code")
    return Secret.value(code)


def _of_template(issuer: str, said: str) -> bool:
    """Whether an issuer of many tenants, `https://login.example/{tid}/v2.0`, may call itself so."""
    before, open_, rest = issuer.partition("{")
    after = rest.partition("}")[2]
    pattern = re.escape(before) + _TENANT + re.escape(after)
    return bool(open_) and re.fullmatch(pattern, said, re.ASCII) is not None
