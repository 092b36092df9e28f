"""Servers that nobody of us has written. What they need is installed by `make test-servers`."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.store.postgres.conftest import (  # noqa: F401 - fixtures
    database,
    postgres_server,
    postgres_stage,
)

HERE = Path(__file__).parent
ACCESS_KEY = "AKIAFAKE"
SECRET_KEY = "fake-secret"
REGION = "us-east-1"


def program(path: Path) -> str:
    """A server's program; its absence is a failure with its name, never a reason to skip."""
    found = shutil.which(path)
    if found is None:
        raise FileNotFoundError(f"{path.name} is not installed: run `make test-servers`")
    return found


@pytest.fixture(scope="session")
def stripe_mock(tmp_path_factory):
    """The URL of Stripe's own mock: it refuses what its specification does not allow."""
    log = tmp_path_factory.mktemp("stripe-mock") / "log"
    command = [program(HERE / "stripe_mock" / "stripe-mock")]
    command += ["-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        port = announced(process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def announced(process, log):
    """The port of loopback that a server says it listens on, once it does."""
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        if found := re.search(r"HTTP at address: 127\.0\.0\.1:(\d+)\n", log.read_text()):
            port = int(found[1])
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=60).close()
                return port
        time.sleep(0.02)


def free_ports(count):
    """Ports that were free a moment ago; none so high that ten thousand more would be none."""
    ports, held = [], []
    while len(ports) < count:
        held.append(socket.create_server(("127.0.0.1", 0)))
        port = held[-1].getsockname()[1]
        if port + 10_000 < 65_536:
            ports.append(port)
    for one in held:
        one.close()
    return ports


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory):
    """The URL of SeaweedFS's S3, which recomputes every signature."""
    folder = tmp_path_factory.mktemp("seaweedfs")
    identity = {
        "name": "shop",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3 = free_ports(4)
    options = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": master,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.port": volume,
        "volume.max": 200,
        "filer": "true",
        "filer.port": filer,
        "s3": "true",
        "s3.port": s3,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": folder / "identities.json",
    }
    command = [program(Path(sys.executable).parent / "weed"), "server"]
    command += [f"-{name}={value}" for name, value in options.items()]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{s3}"
    try:
        client = official_s3(url)
        deadline = time.monotonic() + 90
        while True:
            try:
                client.create_bucket(Bucket="ready")
                break
            except (BotoCoreError, ClientError):
                assert process.poll() is None, log.read_text()[-4000:]
                assert time.monotonic() < deadline, log.read_text()[-4000:]
                time.sleep(0.2)
        client.close()
        yield url
    finally:
        process.kill()  # told to end, it takes its time
        process.wait()


def official_s3(url, **changes):
    """The vendor's own client."""
    facts = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY} | changes
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    return boto3.client("s3", endpoint_url=url, region_name=REGION, config=config, **facts)


@pytest.fixture
def bucket(seaweedfs):
    """A new one: its address, its name, and the vendor's own client."""
    client = official_s3(seaweedfs)
    name = f"shop-{uuid.uuid4()}"
    client.create_bucket(Bucket=name)
    yield seaweedfs, name, client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for one in page.get("Contents", ()):
            client.delete_object(Bucket=name, Key=one["Key"])
    client.delete_bucket(Bucket=name)  # and with it the volumes, of which there are so many
    client.close()
