"""URLs that carry their own permission: method, key, time and content type under an HMAC-SHA256."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Self, final
from urllib.parse import quote, urlencode

from hardpoint.core.errors import MalformedRequestError, SignatureMismatchError, StaleTimestampError
from hardpoint.core.secrets import Secret
from hardpoint.providers.filesystem import Filesystem

_PURPOSE = "hardpoint signed url v1"


@final
class UrlSigner:
    """Signs URLs, and verifies them.

    Args:
        public_url: where they lead.
        secret: read at each use, so that it can rotate.
    """

    def __init__(self, public_url: str, secret: Secret) -> None:
        self._base = public_url.rstrip("/")
        self._secret = secret

    @classmethod
    def of(cls, settings: Filesystem) -> Self | None:
        """As the settings have it; None where they have none."""
        if settings.secret is None or settings.public_url is None:
            return None
        return cls(settings.public_url, settings.secret)

    def url(self, key: str, *, method: str, until: int, content_type: str | None) -> str:
        """The URL.

        Args:
            key: which object.
            method: what may be done to it.
            until: Unix seconds.
            content_type: what `PUT` has to send.
        """
        signature = self._signature(key, method, str(until), content_type or "")
        query: dict[str, str] = {"method": method, "until": str(until)}
        if content_type is not None:
            query["type"] = content_type
        query["signature"] = signature
        return f"{self._base}/{quote(key, safe='/-_.~')}?{urlencode(query, quote_via=quote)}"

    def verify(self, key: str, method: str, query: Sequence[tuple[str, str]], *, now: float) -> str:
        """The content type that was signed, empty for none; who may read may ask for the head.

        Raises:
            MalformedRequestError: these are not the parameters of a signed URL.
            SignatureMismatchError: it allows something else, or nothing.
            StaleTimestampError: its time is over.
        """
        fields = dict(query)
        if len(fields) != len(query) or fields.keys() - {"type"} != {
            "method",
            "until",
            "signature",
        }:
            raise MalformedRequestError
        until, content_type = fields["until"], fields.get("type", "")
        expected = self._signature(key, fields["method"], until, content_type)
        if not hmac.compare_digest(expected.encode(), fields["signature"].encode()):
            raise SignatureMismatchError
        allowed = {fields["method"], "HEAD"} if fields["method"] == "GET" else {fields["method"]}
        if method not in allowed:
            raise SignatureMismatchError
        if now >= int(until):
            raise StaleTimestampError
        return content_type

    def _signature(self, *facts: str) -> str:
        """Each fact after its length: no two lists of facts read as one text."""
        text = "".join(
            f"{len(one.encode('utf-8', 'surrogatepass'))}:{one}" for one in (_PURPOSE, *facts)
        )
        key = self._secret.reveal().encode()
        return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
