"""What the settings of an `hmac` source might have been meant to say: for `hardpoint verify` alone.

Other settings are tried on a captured request, with the same secrets, until one of them verifies.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

from hardpoint.webhooks.hmac_source import ENCODINGS, SECRET_ENCODINGS, SIZES
from hardpoint.webhooks.verification import WebhookRequest

HEADERS_MAX = 32
_CHARS_LEAST = 27
"""A SHA-1 in base64 has no fewer."""
_MARK: Final = re.compile(rb"[A-Za-z0-9]{1,10}=(?=[A-Za-z0-9])")
_USUAL: Final = {
    "encoding": "hex",
    "algorithm": "sha256",
    "secret_encoding": "text",
    "signed": "{body}",
    "prefix": "",
}
_TEMPLATES: Final = ("{timestamp}.{body}", "{timestamp}:{body}", "{timestamp}{body}")


def variants(settings: Mapping[str, Any], request: WebhookRequest) -> Iterator[Mapping[str, Any]]:
    """Settings to try in place of those of the same names; those that are configured come first.

    Args:
        settings: of the source.
        request: as it was captured.
    """
    templates = (settings.get("signed", "{body}"), "{body}")
    if "{timestamp}" in templates[0]:
        templates = (*templates[:1], *_TEMPLATES)
    for place, encoding, algorithm, secret, signed in product(
        _places(settings, request),
        _first(settings.get("encoding", "hex"), ENCODINGS),
        _first(settings.get("algorithm", "sha256"), SIZES),
        _first(settings.get("secret_encoding", "text"), SECRET_ENCODINGS),
        dict.fromkeys(templates),
    ):
        tried = {
            **place,
            "encoding": encoding,
            "algorithm": algorithm,
            "secret_encoding": secret,
            "signed": signed,
        }
        usual = {**_USUAL, **settings}
        yield {name: value for name, value in tried.items() if value != usual.get(name)}


def told(changes: Mapping[str, Any]) -> str:
    """As the configuration would have it."""
    return ", ".join(f'{name} = "{value}"' for name, value in changes.items())


def _places(settings: Mapping[str, Any], request: WebhookRequest) -> Iterator[Mapping[str, str]]:
    """Where a signature may stand, and what before it."""
    yield {}
    if "signature_field" in settings or "separator" in settings:
        return
    long = [one for one in request.headers[:HEADERS_MAX] if len(one[1]) >= _CHARS_LEAST]
    for name, value in long:
        mark = _MARK.match(value)
        for prefix in {"": 0, (mark[0].decode() if mark else ""): 0}:
            yield {"header": name.decode("latin-1"), "prefix": prefix}


def _first(configured: str, known: Mapping[str, object] | tuple[str, ...]) -> Iterator[str]:
    yield configured
    yield from (one for one in known if one != configured)
