"""A partner calls the example's service with a key that was made on the command line."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import httpx2
import pytest
import uvicorn

EXAMPLE = Path(__file__).parents[2] / "examples" / "partner_api"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = shutil.copytree(EXAMPLE, tmp_path / "partner_api")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def service(folder):
    """The service on a port of its own, and its address."""
    spec = spec_from_file_location("partner_api_service", folder / "service.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(module.app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        until = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.01)
        for file in folder.glob("partner*.toml"):
            file.write_text(file.read_text().replace("http://127.0.0.1:8000", url))
        yield url
        server.should_exit = True
        thread.join(30)


def hardpoint(*arguments):
    return run("-m", "hardpoint", *arguments).stdout.strip()


def run(*arguments, **env):
    ended = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


SCOPES = ("--scope", "orders:read", "--scope", "orders:write")


def test_a_partner_calls_with_a_key_that_was_made_on_the_command_line(service):
    key = hardpoint("keys", "create", "Acme's importer", "--tenant", "acme", *SCOPES)
    ended = run("partner.py", ORDERS_KEY=key)
    assert ended.stdout == "{'order': '1001', 'by': \"Acme's importer\"}\n"

    def status(tenant):
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.get(f"{service}/{tenant}/orders", headers=headers).status_code

    assert status("globex") == 401
    hardpoint("keys", "revoke", key.rpartition("_")[0])
    until = time.monotonic() + 5.5
    while status("acme") != 401:
        assert time.monotonic() < until
        time.sleep(0.1)
