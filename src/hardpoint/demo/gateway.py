"""The gateway as a child process: started, watched until ready, killed, stopped."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import final

import httpx2

READY_SECONDS = 15.0

_CONFIGURATION = """\
[store]
url = "sqlite:shop.db"

[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE_WEBHOOK_SECRET"]

[webhooks.code]
provider = "github"
secrets = ["env:GITHUB_WEBHOOK_SECRET"]
"""


class GatewayError(Exception):
    """The gateway did not do as told; the message holds the end of its log."""


@final
class Gateway:
    """`hardpoint serve` over a shop, in a folder of its own.

    Args:
        folder: an empty folder; configuration, database and log go there.
        secrets: environment variables for the child.
        patience: seconds it may take to start, and to stop.
    """

    def __init__(
        self, folder: Path, secrets: dict[str, str], *, patience: float = READY_SECONDS
    ) -> None:
        self.database = folder / "shop.db"
        self.configuration = folder / "hardpoint.toml"
        self.configuration.write_text(_CONFIGURATION)
        self.hold = folder / "hold"
        self._log = folder / "gateway.log"
        self._environment = {
            **os.environ,
            **secrets,
            "HARDPOINT_DEMO_CONFIG": str(self.configuration),
            "HARDPOINT_DEMO_HOLD": str(self.hold),
        }
        self._port, self._admin_port = _free_port(), _free_port()
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where vendors post to."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._running().pid

    async def start(self) -> None:
        """Start it and wait until it says it is ready.

        Raises:
            GatewayError: it ended, or was not ready in time.
        """
        self._process = await asyncio.to_thread(self._spawn)
        url = f"http://127.0.0.1:{self._admin_port}/readyz"
        async with httpx2.AsyncClient(trust_env=False) as client:
            for _ in range(int(self._patience / 0.05)):
                if await _is_ready(client, url):
                    return
                if self._running().poll() is not None:
                    break
                await asyncio.sleep(0.05)
        self.kill()
        raise GatewayError(f"the gateway did not start:\n{self._tail()}")

    def kill(self) -> None:
        """End it with SIGKILL: no clean-up of any kind."""
        process = self._running()
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End it with SIGTERM and wait; a child that is gone already is fine."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=self._patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait(self) -> None:
        """Wait until it ends."""
        self._running().wait()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "hardpoint", "serve", "hardpoint.demo.shop:hub"]
        command += ["--config", str(self.configuration)]
        command += ["--port", str(self._port), "--admin-port", str(self._admin_port)]
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - this very program
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise GatewayError("the gateway was not started")
        return self._process

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


async def _is_ready(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx2.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
