"""Somebody else's OpenID providers, as processes of their own; they log as they like."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parent / "acceptance" / "oidc"
COMMANDS = {"certified": ("node", "server.mjs"), "authlib": (sys.executable, "authlib_server.py")}
"""npm's oidc-provider, which `make test` installs, and a provider made of Authlib."""


@contextmanager
def peer(name: str, **options: Any) -> Iterator[str]:
    """One of them; gives its issuer.

    Args:
        name: `certified` or `authlib`.
        **options: what it is told at its start, `redirect_uris` among them.
    """
    command = (*COMMANDS[name], json.dumps(options))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=PEERS, **pipes) as server:
        line = server.stdout.readline()
        if not line:
            raise AssertionError(f"see `make test`: {server.stderr.read().decode()[-500:]}")
        yield json.loads(line)["issuer"]
        server.stdin.close()
        server.stderr.read()
