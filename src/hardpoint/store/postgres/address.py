"""Whether what lies between this process and its database can be trusted."""

import os
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from hardpoint.core.errors import ConfigurationError

_FIX = "Add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to it"


def checked_address(url: str) -> str:
    """A URL that leads over a socket, over loopback, or over TLS that checks the server's name.

    Raises:
        ConfigurationError: it cannot be read, or others could listen in, or answer in its place.
    """
    try:
        parts = urlsplit(url)
        options = parse_qs(parts.query)
        named = [part.rpartition("@")[2] for part in parts.netloc.split(",")]
        hosts = [urlsplit(f"//{one}").hostname or "" for one in named]
    except ValueError as error:
        raise ConfigurationError("store.url", "is not a URL that can be read") from error
    given = ",".join([*filter(None, hosts), *options.get("host", ())])
    if not given:
        given = os.environ.get("PGHOST", "")
    far = [host for host in given.split(",") if host and not _near(host)]
    mode = options.get("sslmode", [os.environ.get("PGSSLMODE", "")])[-1]
    if far and mode != "verify-full":
        problem = f"leads to {far[0]} without TLS that checks the server's name"
        raise ConfigurationError("store.url", problem, fix=_FIX)
    return url


def _near(host: str) -> bool:
    """Whether it is this machine: a socket, loopback, or a name that RFC 6761 keeps for it."""
    if host.startswith(("/", "@")) or host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False
