"""The guide to gRPC runs as it stands, on a real server; and the hub closes what it has opened."""

import ast
import asyncio
import inspect
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from hardpoint import Hub
from hardpoint.core.errors import MisuseError
from hardpoint.sync import Hub as BlockingHub

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "call-grpc.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
[TOML] = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("CRM_KEY", "k-1")
    server = grpc.server(ThreadPoolExecutor(4))
    states = health.HealthServicer()
    states.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    path = tmp_path / "hardpoint.toml"
    path.write_text(TOML.replace('"crm.example:443"', f'"127.0.0.1:{port}"\ntls = false'))
    yield path
    server.stop(0).wait(10)


def test_every_snippet_of_the_guide_runs_in_its_order(config, capsys):
    names = {}

    async def read():
        async with Hub.load(config) as hub:
            names["hub"] = hub
            for number, text in enumerate(PYTHON, 1):
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                result = eval(compile(text, f"snippet {number}", "exec", flags=flags), names)
                if inspect.isawaitable(result):
                    await result

    asyncio.run(read())
    assert names["answer"].status == names["states"][0] == health_pb2.HealthCheckResponse.SERVING
    assert names["state"] == "SERVING"
    assert capsys.readouterr().out == "NOT_FOUND False\n"


def test_the_blocking_hub_gives_a_plain_channel_and_closes_it(config):
    with BlockingHub.load(config) as hub:
        client = hub.grpc("crm")
        assert client.health() == "SERVING"
        stub = health_pb2_grpc.HealthStub(client.channel)
    asked = health_pb2.HealthCheckRequest()
    for call in (stub.Check, lambda one: next(stub.Watch(one))):
        with pytest.raises(MisuseError, match="closed with its hub"):
            call(asked)
