"""V4 signatures of Cloud Storage: URLs and forms, by a key of one's own or by the vendor's IAM.

https://cloud.google.com/storage/docs/authentication/canonical-requests and
https://cloud.google.com/storage/docs/xml-api/post-object-forms, read 2026-12-01.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.providers.google import wire
from hardpoint.providers.google.storage_api import StorageApi

ALGORITHM: Final = "GOOG4-RSA-SHA256"
IAM: Final = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"


class BytesSigner(Protocol):
    """Signs for a service account."""

    async def email(self) -> str:
        """Whose account it is."""
        ...

    async def sign(self, data: bytes) -> bytes:
        """The signature (RSA, SHA-256)."""
        ...


class AccountDocument(msgspec.Struct, frozen=True):
    """What signs, of a service account's document."""

    client_email: str
    private_key: str

    def __repr__(self) -> str:
        return "AccountDocument(****)"


@final
class KeySigner:
    """By the key of a service account's document.

    Args:
        document: read at each use.
    """

    def __init__(self, document: Secret) -> None:
        self._document = document

    async def email(self) -> str:
        """Whose account it is."""
        return self._read().client_email

    async def sign(self, data: bytes) -> bytes:
        """The signature."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key: Any = load_pem_private_key(self._read().private_key.encode(), None)
        except ValueError:
            raise _unfit() from None
        return key.sign(data, PKCS1v15(), hashes.SHA256())

    def _read(self) -> AccountDocument:
        try:
            return msgspec.json.decode(self._document.reveal(), type=AccountDocument)
        except UNREADABLE:
            raise _unfit() from None


@final
class IamSigner:
    """By the vendor: the credentials may sign in the account's name (`signBlob`).

    Args:
        api: asks for it.
        account: whose name; it has the role Service Account Token Creator on itself.
    """

    def __init__(self, api: StorageApi, account: str) -> None:
        self._api = api
        self._account = account

    async def email(self) -> str:
        """Whose account it is."""
        return self._account

    async def sign(self, data: bytes) -> bytes:
        """The signature."""
        document = {"payload": b64encode(data).decode("ascii")}
        url = f"{IAM}/{quote(self._account)}:signBlob"
        signed = await self._api.ask("POST", url, wire.SignedBlob, document=document)
        return b64decode(signed.signed_blob)


@final
class BucketSigner:
    """Signs for one bucket.

    Args:
        signer: signs.
        bucket_url: its address, without a slash at its end.
    """

    def __init__(self, signer: BytesSigner, bucket_url: str) -> None:
        self._signer = signer
        self._bucket_url = bucket_url

    async def url(
        self,
        method: str,
        key: str,
        *,
        now: float,
        expires: int,
        headers: Mapping[str, str],
        query: Mapping[str, str],
    ) -> str:
        """A URL that carries its signature; whoever uses it must send these headers."""
        stamp, scope, credential = await self._scope(now)
        url = f"{self._bucket_url}/{quote(key, safe='/-_.~')}"
        parts = urlsplit(url)
        named = {"host": parts.netloc, **headers}
        names = ";".join(sorted(named))
        pairs = {
            **query,
            "X-Goog-Algorithm": ALGORITHM,
            "X-Goog-Credential": credential,
            "X-Goog-Date": stamp,
            "X-Goog-Expires": str(expires),
            "X-Goog-SignedHeaders": names,
        }
        encoded = urlencode(sorted(pairs.items()), quote_via=quote, safe="~")
        lines = "".join(f"{name}:{named[name]}\n" for name in sorted(named))
        canonical = f"{method}\n{parts.path}\n{encoded}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
        signature = (await self._signer.sign(text.encode())).hex()
        return f"{url}?{encoded}&X-Goog-Signature={signature}"

    async def post(
        self, fields: Mapping[str, str], conditions: Sequence[Any], *, now: float, expires: int
    ) -> dict[str, str]:
        """The fields of a form that may be posted, with those that prove who allowed it."""
        stamp, _, credential = await self._scope(now)
        own = {
            "x-goog-algorithm": ALGORITHM,
            "x-goog-credential": credential,
            "x-goog-date": stamp,
        }
        until = datetime.fromtimestamp(int(now) + expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        document = {
            "conditions": [*conditions, *({name: value} for name, value in own.items())],
            "expiration": until,
        }
        policy = b64encode(msgspec.json.encode(document))
        signature = (await self._signer.sign(policy)).hex()
        return {**fields, **own, "policy": policy.decode("ascii"), "x-goog-signature": signature}

    async def _scope(self, now: float) -> tuple[str, str, str]:
        """The time, what the signature is good for, and in whose name."""
        stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/auto/storage/goog4_request"
        return stamp, scope, f"{await self._signer.email()}/{scope}"


def _unfit() -> ConfigurationError:
    return ConfigurationError(
        "credentials",
        "have no key of their own that could sign",
        fix="Name the service account in whose name the vendor signs: signer",
    )
