"""The vault."""

import asyncio
import tempfile
import threading
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from bench.vault.world import CLIENT
from hardpoint.core.errors import OAuthError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import commit_then_drop, latency
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.work import BlockingWork
from hardpoint.sync.vault import Vault as BlockingVault

NAME = f"hardpoint {version('hardpoint')}"
KEYRING = Keyring(Secret.value("k1:" + "A" * 43 + "="))


@contextmanager
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path) / "vault.db"


def vault_at(path, here, **options):
    return Vault(path, KEYRING, {CLIENT: here.client()}, **options)


@asynccontextmanager
async def connected(here, path, *, ends_in=-10.0):
    """A vault that keeps the grant as the connection `c`."""
    now = time.time()
    tokens = Tokens(
        access=Secret.value(str(here.document["access_token"])),
        refresh=Secret.value(str(here.document["refresh_token"])),
        issued_at=now + ends_in - here.server.life,
        expires_at=now + ends_in,
    )
    async with vault_at(path, here) as vault:
        await vault.put("c", tokens, client=CLIENT)
        yield vault


async def token(vault):
    with suppress(OAuthError):
        return (await vault.access_token("c")).reveal()
    return ""


def tasks(here, count, ends_in=-10.0):
    async def play(path):
        async with connected(here, path, ends_in=ends_in) as vault:
            return (await asyncio.gather(*(token(vault) for _ in range(count))))[-1]

    with folder() as path:
        return asyncio.run(play(path))


def case_a(here):
    return tasks(here, 20)


def case_b(here):
    async def play(path):
        async with connected(here, path) as one, vault_at(path, here) as two:
            return (await asyncio.gather(token(one), token(two)))[-1]

    with folder() as path:
        return asyncio.run(play(path))


def case_c(here):
    async def prepare(path):
        async with connected(here, path):
            pass

    with folder() as path:
        asyncio.run(prepare(path))
        vault, found = BlockingVault(vault_at(path, here, work=BlockingWork())), []
        threads = [
            threading.Thread(target=lambda: found.append(vault.access_token("c").reveal()))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        vault.close()
        return found[-1]


def case_d(here):
    return tasks(here, 2)


def case_e(here):
    async def play(path):
        async with connected(here, path, ends_in=30) as vault:
            here.http.faults.next(commit_then_drop(), on="POST /token")
            await token(vault)
            return await token(vault)

    with folder() as path:
        return asyncio.run(play(path))


def case_f(here):
    async def play(path):
        async with connected(here, path) as vault:
            here.http.faults.next(latency(0.1), on="POST /token")
            asking = asyncio.create_task(token(vault))
            while not here.server.ledger.count("refresh"):
                await asyncio.sleep(0.01)
            asking.cancel()
        async with vault_at(path, here) as another:
            return await token(another)

    with folder() as path:
        return asyncio.run(play(path))


def case_g(here):
    return tasks(here, 1, ends_in=-10.5)


def case_h(here):
    async def play(path):
        async with connected(here, path) as vault:
            await asyncio.gather(*(vault.refresh("c") for _ in range(2)))
            return await token(vault)

    with folder() as path:
        return asyncio.run(play(path))


def case_i(here):
    async def play(path):
        async with connected(here, path) as vault:
            here.http.faults.next(latency(0.2), on="POST /token")
            with suppress(TimeoutError):
                await asyncio.wait_for(token(vault), 0.05)
            return await token(vault)

    with folder() as path:
        return asyncio.run(play(path))
