"""A call as a command line for a shell, with the names of secrets in place of them."""

import shlex
from collections.abc import Iterator

from hardpoint.clients.rest.requests import RestRequest
from hardpoint.clients.rest.settings import RestSettings
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization

_UNNAMED = "$KEY"


def curl_of(call: RestRequest, url: str, settings: RestSettings) -> str:
    """The command. What is signed anew for each attempt cannot be written down, and is named."""
    words = ["curl", "--fail-with-body", "-X", call.method, shlex.quote(url)]
    words += [f"-H {text}" for text in _credentials(settings)]
    own = [*settings.headers.items(), *call.headers]
    words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in own]
    if settings.certificate is not None:
        words += ["--cert", shlex.quote(str(settings.certificate))]
    if settings.certificate_key is not None:
        words += ["--key", shlex.quote(str(settings.certificate_key))]
    if isinstance(call.body, bytes) and call.body:
        words += ["--data-binary", shlex.quote(call.body.decode("utf-8", "replace"))]
    return " ".join(words)


def _credentials(settings: RestSettings) -> Iterator[str]:
    key = variable(settings.key)
    match settings.auth:
        case "bearer" | "oauth":
            yield f'"authorization: Bearer {key}"'
        case "basic":
            user = (settings.user or "$USER").replace('"', "")
            yield f'"authorization: Basic $(printf %s "{user}:{key}" | base64 -w0)"'
        case "header":
            yield f'"{settings.header}: {settings.prefix}{key}"'
        case "hmac" | "sigv4" | "rfc9421" | "oauth1":
            yield f"'authorization: (signed by {settings.auth}, anew each time)'"
        case _:
            return


def variable(secret: "Secret | Authorization | None") -> str:
    """How a shell reads a secret: `$CRM_KEY`, or the file it is in."""
    reference = secret.reference if isinstance(secret, Secret) else ""
    kind, _, name = reference.partition(":")
    if kind == "env":
        return f"${name}"
    return f"$(cat {shlex.quote(name)})" if kind == "file" else _UNNAMED
