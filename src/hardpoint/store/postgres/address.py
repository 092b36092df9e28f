"""Whether what lies between this process and its database can be trusted."""

import os
import re
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from hardpoint.core.errors import ConfigurationError

_FIX = "Add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to it"
_ENCODE = (
    "Write what is neither letter nor digit in a user or password as %40 (@), %2F (/), %23 (#) and "
    'so on, or write password = "env:NAME" beside the URL'
)
# Each of these is read otherwise by one driver, or quoted in its message: so may be a password.
_UNREADABLE = re.compile(
    r"[\x00-\x20\x7f]|%00|%(?![0-9A-Fa-f]{2})"  # no character of a URL, or not encoded
    r"|#"  # what follows is cut off
    r"|//[^/?]*@[^/?]*@"  # where the password ends is anybody's guess
    r"|//[^/?]*[/?][^=]*@"  # it goes on in what looks like the name of a database
)


def checked_address(url: str) -> str:
    """A URL that leads over a socket, over loopback, or over TLS that checks the server's name.

    Raises:
        ConfigurationError: it cannot be read, or others could listen in, or answer in its place.
    """
    try:
        hosts, options = _read(url)
    except ValueError:  # which says what of it: perhaps the password
        raise ConfigurationError(
            "store.url", "is not a URL that can be read", fix=_ENCODE
        ) from None
    given = ",".join([*filter(None, hosts), *options.get("host", ())])
    if not given:
        given = os.environ.get("PGHOST", "")
    far = [host for host in given.split(",") if host and not _near(host)]
    mode = options.get("sslmode", [os.environ.get("PGSSLMODE", "")])[-1]
    if far and mode != "verify-full":
        problem = f"leads to {far[0]} without TLS that checks the server's name"
        raise ConfigurationError("store.url", problem, fix=_FIX)
    return url


def _read(url: str) -> tuple[list[str], dict[str, list[str]]]:
    """Its hosts, without their ports, and its options."""
    if _UNREADABLE.search(url):
        raise ValueError
    parts = urlsplit(url)
    named = [urlsplit(f"//{one}") for one in parts.netloc.rpartition("@")[2].split(",")]
    hosts = [one.hostname or "" for one in named if one.port != 0]
    return hosts, parse_qs(parts.query)


def _near(host: str) -> bool:
    """Whether it is this machine: a socket, loopback, or a name that RFC 6761 keeps for it."""
    if host.startswith(("/", "@")) or host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False
