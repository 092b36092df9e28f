"""OAuth 1.0 (RFC 5849): what a few vendors still ask for."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final, final
from urllib.parse import parse_qsl, quote, urlsplit

from hardpoint.core.secrets import Secret
from hardpoint.http.forms import FORM
from hardpoint.http.messages import Request
from hardpoint.http.signing.signer import chosen, header_of, whole_body

_METHODS: Final = {"sha1": "HMAC-SHA1", "sha256": "HMAC-SHA256", "sha512": "HMAC-SHA512"}
_PORTS: Final = {"http": ":80", "https": ":443"}


@final
class OAuth1Signer:
    """Signs with a consumer's secret and a token's.

    Args:
        consumer_key: what the vendor knows the application by.
        consumer_secret: the application's.
        token: whose account it is; None where only the application is proved.
        token_secret: goes with it.
        algorithm: `sha1`, which is what most take, `sha256` or `sha512`.
        realm: what the vendor wants as `realm`, if it wants one.

    Raises:
        ConfigurationError: an algorithm that we do not know.
    """

    def __init__(
        self,
        consumer_key: str,
        consumer_secret: Secret,
        *,
        token: str | None = None,
        token_secret: Secret | None = None,
        algorithm: str = "sha1",
        realm: str | None = None,
    ) -> None:
        self._consumer_key = consumer_key
        self._consumer_secret = consumer_secret
        self._token = token
        self._token_secret = token_secret
        self._algorithm = chosen("algorithm", algorithm, _METHODS)
        self._realm = realm

    def signed(
        self, request: Request, *, now: float, nonce: Callable[[], str]
    ) -> Sequence[tuple[str, str]]:
        """The header of RFC 5849, 3.5.1."""
        own = [
            ("oauth_consumer_key", self._consumer_key),
            ("oauth_nonce", nonce()),
            ("oauth_signature_method", _METHODS[self._algorithm]),
            ("oauth_timestamp", f"{int(now)}"),
            *([("oauth_token", self._token)] if self._token is not None else []),
            ("oauth_version", "1.0"),
        ]
        secrets = (self._consumer_secret, self._token_secret)
        key = "&".join("" if one is None else _quoted(one.reveal()) for one in secrets)
        text = base_string(request, own)
        made = hmac.new(key.encode(), text.encode(), getattr(hashlib, self._algorithm)).digest()
        own.append(("oauth_signature", base64.b64encode(made).decode()))
        told = [("realm", self._realm)] if self._realm is not None else []
        pairs = [f'{name}="{_quoted(value)}"' for name, value in (*told, *own)]
        return (("authorization", f"OAuth {', '.join(pairs)}"),)

    def secrets(self) -> Sequence[str]:
        """Both of them."""
        known = (self._consumer_secret, self._token_secret)
        return [one.reveal() for one in known if one is not None]


def base_string(request: Request, own: Sequence[tuple[str, str]]) -> str:
    """What is signed (RFC 5849, 3.4.1); a body counts if it is a form."""
    url = urlsplit(request.url)
    pairs = [*parse_qsl(url.query, keep_blank_values=True), *own]
    kind = header_of(request.headers, "content-type") or ""
    if kind.partition(";")[0].strip().lower() == FORM:
        pairs += parse_qsl(whole_body(request).decode(), keep_blank_values=True)
    normal = "&".join(
        f"{name}={value}" for name, value in sorted((_quoted(n), _quoted(v)) for n, v in pairs)
    )
    host = url.netloc.lower().removesuffix(_PORTS.get(url.scheme, " "))
    base = f"{url.scheme}://{host}{url.path or '/'}"
    return "&".join(_quoted(one) for one in (request.method.upper(), base, normal))


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")
