"""A partner calls the example's service with a key of the command line, and with a signature."""

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
    monkeypatch.setenv("ACME_SECRET", "c2VjcmV0IG9mIGFjbWUsIDMyIGJ5dGVzIGxvbmcuLi4=")
    return folder


@pytest.fixture
def service(folder):
    """The service on a port of its own, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for file in folder.glob("*.toml"):
            file.write_text(file.read_text().replace("http://127.0.0.1:8000", url))
        spec = spec_from_file_location("partner_api_service", folder / "service.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        server = uvicorn.Server(uvicorn.Config(module.app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.01)
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


def test_a_partner_calls_with_a_key_of_the_command_line_and_with_a_signature(service):
    key = hardpoint("keys", "create", "Acme's importer", "--tenant", "acme", *SCOPES)
    ended = run("partner.py", ORDERS_KEY=key)
    assert ended.stdout.splitlines() == [
        "{'order': '1001', 'by': \"Acme's importer\"}",
        "{'order': '1002', 'by': 'acme'}",
        "{'1001': 'shipped', '1002': 'shipped'}",
    ]

    def status(tenant):
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.get(f"{service}/{tenant}/orders", headers=headers).status_code

    assert status("globex") == 401
    hardpoint("keys", "revoke", key.rpartition("_")[0])
    until = time.monotonic() + 5.5
    while status("acme") != 401:
        assert time.monotonic() < until
        time.sleep(0.1)
