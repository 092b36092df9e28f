"""Authlib's clients on httpx2, with `update_token` where new tokens are to be kept."""

import asyncio
import threading
import time
from contextlib import suppress
from importlib.metadata import version

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client

from bench.vault.world import CLIENT, SECRET
from hardpoint.fakes.faults import commit_then_drop, latency

NAME = f"Authlib {version('authlib')}"


def client(here, token, kind=AsyncOAuth2Client, **more):
    return kind(
        client_id=CLIENT,
        client_secret=SECRET,
        token=token,
        token_endpoint=here.token_url,
        **more,
    )


async def tried(*calls):
    await asyncio.gather(*calls, return_exceptions=True)


def case_a(here):
    async def play():
        async with client(here, here.token()) as one:
            await tried(*(one.get(here.resource_url) for _ in range(20)))
            return one.token["access_token"]

    return asyncio.run(play())


def case_b(here):
    async def play():
        async with client(here, here.token()) as one, client(here, here.token()) as two:
            await tried(one.get(here.resource_url), two.get(here.resource_url))
            old = here.document["access_token"]
            return next(
                (c.token["access_token"] for c in (one, two) if c.token["access_token"] != old), old
            )

    return asyncio.run(play())


def case_c(here):
    with client(here, here.token(), OAuth2Client) as one:
        start = threading.Barrier(8)

        def call():
            start.wait()
            with suppress(OAuthError):
                one.get(here.resource_url)

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return one.token["access_token"]


def case_d(here):
    async def play():
        async with client(here, here.token()) as one:
            await tried(*(one.get(here.resource_url) for _ in range(2)))
            return one.token["access_token"]

    return asyncio.run(play())


def case_e(here):
    async def play():
        async with client(here, here.token(ends_in=30)) as one:
            here.http.faults.next(commit_then_drop(), on="POST /token")
            await tried(one.get(here.resource_url))
            await tried(one.get(here.resource_url))
            return one.token["access_token"]

    return asyncio.run(play())


def case_f(here):
    async def play():
        kept = here.token()

        async def keep(token, **_):
            await asyncio.sleep(0.2)
            kept.update(token)

        async with client(here, dict(kept), update_token=keep) as one:
            with suppress(TimeoutError):
                await asyncio.wait_for(one.get(here.resource_url), 0.15)
        async with client(here, dict(kept), update_token=keep) as two:
            await tried(two.get(here.resource_url))
            return two.token["access_token"]

    return asyncio.run(play())


def case_g(here):
    async def play():
        token = {**here.token(), "expires_at": time.time() - 10.5}
        async with client(here, token) as one:
            await tried(one.get(here.resource_url))
            return one.token["access_token"]

    return asyncio.run(play())


def case_h(here):
    async def play():
        async with client(here, here.token()) as one:
            await tried(*(one.refresh_token(here.token_url) for _ in range(2)))
            return one.token["access_token"]

    return asyncio.run(play())


def case_i(here):
    async def play():
        async with client(here, here.token()) as one:
            here.http.faults.next(latency(0.2), on="POST /token")
            with suppress(TimeoutError):
                await asyncio.wait_for(one.get(here.resource_url), 0.05)
            await asyncio.sleep(0.3)
            await tried(one.get(here.resource_url))
            return one.token["access_token"]

    return asyncio.run(play())
