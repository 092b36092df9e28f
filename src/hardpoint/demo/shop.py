"""The shop as a child process: started, watched until ready, killed, stopped.

It is `examples/fastapi_shop` as it stands, with a configuration that names the fakes.
"""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import final

from hardpoint.core.errors import HardpointError
from hardpoint.demo.visitor import Visitor

READY_SECONDS = 60.0
POLL_SECONDS = 0.05

_CONFIGURATION = """\
public_url = "{shop}"

[store]
url = "sqlite:shop.db"

[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE_WEBHOOK_SECRET"]

[webhooks.texts]
provider = "twilio"
secrets = ["env:TWILIO_AUTH_TOKEN"]
url = "{shop}/webhooks/texts"

[webhooks.code]
provider = "github"
secrets = ["env:GITHUB_WEBHOOK_SECRET"]

[connections.billing]
provider = "stripe"
secret_key = "env:STRIPE_SECRET_KEY"
base_url = "{stripe}"
[connections.billing.policy]
preset = "two_retries"

[connections.texts]
provider = "twilio"
account_sid = "{account}"
secret = "env:TWILIO_AUTH_TOKEN"
from = "{sender}"
base_url = "{twilio}"

[connections.mail]
provider = "sendgrid"
api_key = "env:SENDGRID_API_KEY"
from = "shop@shop.example"
base_url = "{sendgrid}"
[connections.mail.policy]
preset = "no_retry"                      # the receipt's own job repeats it
failures = 2
recovery = 2

[connections.files]
provider = "filesystem"
path = "files"
public_url = "{shop}/files"
secret = "env:FILES_SECRET"
"""


def example() -> Path:
    """The folder of the shop: within the package, or beside the source it is built from."""
    packaged = Path(__file__).parent / "fastapi_shop"
    if packaged.is_dir():
        return packaged
    return Path(__file__).parents[3] / "examples" / "fastapi_shop"


class ShopError(Exception):
    """The shop did not do as told; the message holds the end of its log."""


@final
class Shop:
    """The shop, in a folder of its own.

    Args:
        folder: an empty folder; configuration, database, files and log go there.
        facts: what its configuration names: the addresses of the fakes, and account and sender of
            the one for texts.
        secrets_: environment variables for the child.
        patience: seconds it may take to start, and to stop.
        configuration: of the shop, with places for its own address and the facts.
    """

    def __init__(
        self,
        folder: Path,
        facts: Mapping[str, str],
        secrets_: Mapping[str, str],
        *,
        patience: float = READY_SECONDS,
        configuration: str = _CONFIGURATION,
    ) -> None:
        self._port = _free_port()
        self.database = folder / "shop.db"
        (folder / "files").mkdir()
        self.configuration = folder / "hardpoint.toml"
        self.configuration.write_text(configuration.format(shop=self.url, **facts))
        self._log = folder / "shop.log"
        self._environment = {
            **os.environ,
            **secrets_,
            "FILES_SECRET": secrets.token_hex(16),
            "SHOP_CONFIG": str(self.configuration),
        }
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where customers and vendors reach it."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._running().pid

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ShopError: it ended, or was not ready in time.
        """
        self._process = await asyncio.to_thread(self._spawn)
        visitor = Visitor()
        ready = await self._ready(visitor)
        await visitor.close()
        if ready:
            return
        self.kill()
        raise ShopError(f"the shop did not start:\n{self._tail()}")

    async def _ready(self, visitor: Visitor) -> bool:
        """Whether it answers before it ends, or time is up."""
        for _ in range(int(self._patience / POLL_SECONDS)):
            if await _answers(visitor, f"{self.url}/vendors"):
                return True
            if self._running().poll() is not None:
                break
        return False

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

    async def ended(self) -> None:
        """Wait until it ends.

        Looking now and then wakes the event loop: an interrupt that comes just before it falls
        asleep would otherwise be heard at the next event only, and there may be none.
        """
        while self._running().poll() is None:  # noqa: ASYNC110 - a process has no event of ours
            await asyncio.sleep(POLL_SECONDS)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(example())]
        command += ["--port", str(self._port)]
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - this very program
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise ShopError("the shop was not started")
        return self._process

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


async def _answers(visitor: Visitor, url: str) -> bool:
    """Whether it does; if not, after a pause."""
    try:
        return (await visitor.get(url)).status < 300
    except HardpointError:
        await asyncio.sleep(POLL_SECONDS)
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
