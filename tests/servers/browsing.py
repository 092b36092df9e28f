"""A shop that is served, as processes of its own, and people who look at its dashboard."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from hardpoint.webhooks import scheme

HERE = Path(__file__).parent
SECRET = "whsec_dashboard"
TOKENS = {role: f"token-of-{role}-which-nobody-guesses" for role in ("admin", "operator", "viewer")}
CONFIGURATION = """
[store]
url = "env:SHOP_STORE"

[webhooks.payments]
provider = "stripe"
secrets = ["env:SHOP_SECRET"]

[connections.crm]
provider = "rest"
base_url = "http://127.0.0.1:9"
auth = "none"
policy = { preset = "no_retry" }

[dashboard]
token = "env:ADMIN_TOKEN"

[dashboard.tokens.olga]
token = "env:OPERATOR_TOKEN"
role = "operator"

[dashboard.tokens.vera]
token = "env:VIEWER_TOKEN"
role = "viewer"
"""
BROKEN = """
def price_of(payment):
    raise KeyError(payment["sku"])
"""
FIXED = """
def price_of(payment):
    return 1200
"""
APPLICATION = '''
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount

from hardpoint import Hub, Permanent

hub = Hub.load(Path(__file__).with_name("hardpoint.toml"))
HANDLED = Path(__file__).with_name("handled.txt")


class PriceError(Permanent):
    """A payment's price is not known."""


@hub.on("payments", "payment_intent.succeeded", retry=[3600, 7200])
async def book_payment(event, job):
    payment = event.json()
    if payment.get("slow"):
        raise TimeoutError(f"the bank did not answer for {payment['sku']}")
    try:
        price = price_of(payment)
    except KeyError as error:
        raise PriceError(f"no price for {error}") from error
    with HANDLED.open("a") as file:
        file.write(f"{event.vendor_id}\\n")


@hub.on("payments", "charge.refunded")
async def refund(event, job):
    pass


app = Starlette(routes=[Mount("/ops", hub.dashboard()), Mount("/hooks", hub.asgi())])
'''


class Shop:
    """An application in a folder.

    Args:
        folder: of its own.
        store: where its events are.
        workers: how many processes of uvicorn it is mounted in; None: it is served by hardpoint.
    """

    def __init__(self, folder: Path, store: str, workers: int | None = None) -> None:
        self.folder = folder
        self.workers = workers
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        self._client = httpx2.Client(timeout=30)
        self.port = _free_port()
        mounted = workers is not None
        self.hooks = f"http://127.0.0.1:{self.port}/{'hooks' if mounted else 'webhooks'}/payments"
        admin = self.port if mounted else _free_port()
        self._admin = admin
        self.dashboard = f"http://127.0.0.1:{admin}/{'ops' if mounted else 'dashboard'}"
        (folder / "hardpoint.toml").write_text(CONFIGURATION)
        self._environment = {
            **{name: value for name, value in os.environ.items() if "COVERAGE" not in name},
            **{f"{role.upper()}_TOKEN": token for role, token in TOKENS.items()},
            "SHOP_STORE": store,
            "SHOP_SECRET": SECRET,
            "PYTHONPATH": str(folder),
        }
        self.deploy(BROKEN)

    def deploy(self, prices: str) -> None:
        """What the handler does from the next start on."""
        (self.folder / "shop.py").write_text(APPLICATION + prices)

    def start(self) -> "Shop":
        if self.workers is None:
            command = ["hardpoint", "serve", "shop:hub", f"--port={self.port}"]
            command += [f"--admin-port={self._admin}"]
        else:
            command = ["uvicorn", "shop:app", f"--port={self.port}", f"--workers={self.workers}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self._environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + 60
        while True:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{self.dashboard}/login", timeout=10).status_code == 200:
                    return self
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            finally:
                with suppress(ProcessLookupError):  # what its workers have left
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None
        self._client.close()
        self._client = httpx2.Client(timeout=30)

    def deliver(self, name: str, kind: str = "payment_intent.succeeded", **facts: object) -> None:
        content = json.dumps({"id": name, "type": kind, **facts}).encode()
        signed = scheme("stripe", secrets=[SECRET]).sign(
            content, now=time.time(), event_id=name, event_type=kind
        )
        until = time.monotonic() + 30
        while True:  # one that is only just there may ask to come again
            reply = self._client.post(self.hooks, content=content, headers=dict(signed))
            if reply.status_code == 200:
                return
            assert time.monotonic() < until, reply.text
            time.sleep(0.05)

    def handled(self) -> list[str]:
        file = self.folder / "handled.txt"
        return sorted(file.read_text().split()) if file.exists() else []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Person:
    """Somebody at a browser: everything that it complains of is a failure.

    Attributes:
        page: of Playwright.
        said: what the console said, policies that were violated, and requests to other servers.
    """

    AXE = (HERE / "axe" / "node_modules" / "axe-core" / "axe.min.js").read_text
    RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

    def __init__(self, browser, shop: Shop, **context) -> None:
        self.shop = shop
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, **context}
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        origin = urlsplit(shop.dashboard)[:2]
        self.page.on("console", lambda one: self.said.append(f"console: {one.text}"))
        self.page.on("pageerror", lambda one: self.said.append(f"error: {one}"))
        self.page.on(
            "dialog", lambda one: (self.said.append(f"dialog: {one.message}"), one.dismiss())
        )
        self.page.on(
            "request",
            lambda one: urlsplit(one.url)[:2] == origin or self.said.append(f"asked: {one.url}"),
        )
        if context.get("java_script_enabled", True):
            self.context.add_init_script(
                "document.addEventListener('securitypolicyviolation',"
                " (event) => console.error('policy: ' + event.violatedDirective));"
            )

    def go(self, path: str) -> None:
        self.page.goto(self.shop.dashboard + path)

    def sign_in(self, role: str = "admin") -> "Person":
        self.go("/login")
        self.page.fill("#token", TOKENS[role])
        self.page.click("main button")
        self.page.wait_for_selector("nav")
        return self

    def text(self) -> str:
        return " ".join(self.page.inner_text("main").split())

    def barriers(self) -> list[str]:
        """What axe finds on this page."""
        session = self.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": f"{Person.AXE()};1"})
        found = self.page.evaluate(
            "(rules) => axe.run({runOnly: rules}).then((result) => result.violations.map("
            "(one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' | ')))",
            list(self.RULES),
        )
        session.detach()
        return found
