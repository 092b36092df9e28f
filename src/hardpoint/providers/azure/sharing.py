"""URLs that others may use: service signatures by the account's key, or by a key of an identity's.

https://learn.microsoft.com/rest/api/storageservices/create-service-sas and
https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas, read 2026-12-01.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Final, final
from urllib.parse import quote, urlencode

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.http.xml_api import XmlApi
from hardpoint.providers.azure import AzureBlob, key_bytes
from hardpoint.providers.azure.proofs import VERSION, moment, sealed
from hardpoint.storage.types import SignedUse

DELEGATION_SECONDS: Final = 7 * 24 * 3600
"""How long a key of an identity's lasts at most, and so what it signs."""

_PERMISSIONS: Final = {"GET": "r", "HEAD": "r", "PUT": "cw", "DELETE": "d"}


class DelegationKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that an identity was given; what it signs may do what the identity may.

    Attributes:
        value: signs.
        facts: what says whose it is, by their names in a signature, in the order they are signed.
        ends: Unix seconds.
    """

    value: bytes
    facts: Mapping[str, str]
    ends: float

    def __repr__(self) -> str:
        return "DelegationKey(****)"


@final
class BlobSharing:
    """Signs URLs for blobs of one container.

    Args:
        settings: whose key, or that an identity's is to be asked for.
        api: asks for it.
        clock: how long it lasts.
    """

    def __init__(self, settings: AzureBlob, api: XmlApi, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        self._key: DelegationKey | None = None

    async def url(self, use: SignedUse, *, now: float) -> str:
        """The URL.

        Raises:
            ProviderError: the identity was given no key.
        """
        settings = self._settings
        said = {"sp": _PERMISSIONS[use.method], "se": moment(now + use.expires)}
        https = settings.base_url.startswith("https:")
        rest = {"spr": "https" if https else "", "sv": VERSION, "sr": "b"}
        answer = {"rscc": use.cache_control or "", "rscd": use.disposition or ""}
        resource = f"/blob/{settings.account}/{settings.container}/{use.key}"
        if settings.account_key is not None:
            key, owner = key_bytes(settings.account_key), {}
            proof = [""]  # no stored policy
        else:
            delegated = await self._delegated(now, use.expires)
            key, owner = delegated.value, delegated.facts
            proof = [*owner.values(), "", "", ""]
        lines = [said["sp"], "", said["se"], resource, *proof]
        lines += ["", rest["spr"], rest["sv"], rest["sr"], "", ""]
        lines += [answer["rscc"], answer["rscd"], "", "", ""]
        pairs = {**said, **owner, **rest, **answer}
        query = {name: value for name, value in pairs.items() if value}
        query["sig"] = sealed(key, "\n".join(lines))
        path = f"{settings.base_url}/{settings.container}/{quote(use.key, safe='/-_.~')}"
        return f"{path}?{urlencode(query, quote_via=quote, safe='')}"

    async def _delegated(self, now: float, seconds: float) -> DelegationKey:
        """The identity's key, asked for anew where it would end before the URL."""
        if self._key is None or self._key.ends < now + seconds:
            self._key = await self._asked(now)
        return self._key

    async def _asked(self, now: float) -> DelegationKey:
        # It starts now, and ends a week from now at most, by the vendor's clock.
        start, ends = moment(now), now + DELEGATION_SECONDS
        body = f"<KeyInfo><Start>{start}</Start><Expiry>{moment(ends)}</Expiry></KeyInfo>"
        reply = await self._api.send(
            "POST",
            f"{self._settings.base_url}/",
            query=[("restype", "service"), ("comp", "userdelegationkey")],
            headers=(("content-type", "application/xml"),),
            body=body.encode(),
        )
        document = self._api.document(reply, "UserDelegationKey")
        names = {
            "skoid": "SignedOid",
            "sktid": "SignedTid",
            "skt": "SignedStart",
            "ske": "SignedExpiry",
            "sks": "SignedService",
            "skv": "SignedVersion",
        }
        facts = {name: document.text(written) for name, written in names.items()}
        try:
            value = b64decode(document.text("Value"), validate=True)
        except ValueError:
            value = b""
        if not value or not all(facts.values()):
            raise self._api.unexpected(reply)
        return DelegationKey(value=value, facts=facts, ends=ends)
