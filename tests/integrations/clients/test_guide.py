"""The guide for those who keep their SDK: its snippets run as they stand, beside its example."""

import ast
import asyncio
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

from hardpoint import Breaker, Policy, Retry
from hardpoint.sync import Hub

from .conftest import RESET, answer

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "guides" / "keep-your-sdk.md").read_text()
EXAMPLE = ROOT / "examples" / "keep_your_sdk"
SAID = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Light."}}
MADE = answer(
    200, {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [SAID]}
)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def vendor(peer, monkeypatch, tmp_path):
    """The peer in the vendor's place, for a package that reads its address from the environment."""
    (tmp_path / "hardpoint.toml").write_text("".join(blocks("toml")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", peer.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    return peer


def test_every_snippet_runs_in_the_order_of_the_page(vendor):
    names = {}

    async def read():
        for number, text in enumerate(blocks("python"), 1):
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            code = compile(text, f"snippet {number}", "exec", flags=flags)
            if code.co_flags & inspect.CO_COROUTINE:
                await eval(code, names)
            else:  # in a thread: a blocking hub refuses a running loop
                await asyncio.to_thread(eval, code, names)

    vendor.tells(answer(200, {"object": "list", "data": []}), RESET)
    asyncio.run(read())
    assert vendor.sent == 2
    names["ai"].close()
    names["hub"].close()
    names["s3"].close()
    names["client"].close()
    names["http"].session.close()


@pytest.fixture
def ask():
    spec = importlib.util.spec_from_file_location("keep_your_sdk_ask", EXAMPLE / "ask.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ask


def test_the_example_asks_and_says_what_became_of_it(vendor, ask):
    policy = Policy("openai", retry=Retry(3, backoff=0), breaker=Breaker(), deadline=60)
    with Hub.load(EXAMPLE / "hardpoint.toml", policies={"openai": policy}) as hub:
        vendor.tells(429, MADE)
        assert ask(hub, "Why is the sky blue?") == "Light."
        assert vendor.sent == 2
        vendor.tells(RESET)
        assert "lost" in ask(hub, "Why?")
        policy.breaker.force_open()
        assert "Too many" in ask(hub, "Why?")


def test_the_example_says_that_there_is_no_connection(vendor, ask, monkeypatch, closed_url):
    monkeypatch.setenv("OPENAI_BASE_URL", closed_url)
    quick = {"openai": Policy("openai", deadline=60)}
    with Hub.load(EXAMPLE / "hardpoint.toml", policies=quick) as hub:
        assert "no connection" in ask(hub, "Why?")
