"""`import hardpoint` loads nothing that a caller did not ask for, and costs next to nothing."""

import json
import os
import resource
import subprocess
import sys

import pytest

from hardpoint.core.providers import provider, provider_names

MILLISECONDS_MAX = 60
HEAVY = {
    "aiobotocore",
    "asyncpg",
    "azure",
    "boto3",
    "botocore",
    "cryptography",
    "fastapi",
    "google",
    "httpcore2",
    "httptools",
    "httpx2",
    "msal",
    "msgspec",
    "obstore",
    "requests",
    "rich",
    "starlette",
    "structlog",
    "typer",
    "uvicorn",
    "uvloop",
}


def run(code: str) -> str:
    plain = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=plain
    ).stdout


def loaded_by(statement: str) -> set[str]:
    code = f"import sys, json\nbefore = set(sys.modules)\n{statement}\n"
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    return set(json.loads(run(code)))


def test_importing_hardpoint_loads_itself_alone() -> None:
    loaded = loaded_by("import hardpoint")
    assert {name.partition(".")[0] for name in loaded}.isdisjoint(HEAVY)
    own = {name for name in loaded if name.startswith("hardpoint")}
    assert own == {"hardpoint", "hardpoint.core", "hardpoint.core.public"}


def test_importing_what_adapters_are_made_of_loads_none_of_it() -> None:
    loaded = loaded_by("import hardpoint.provider")
    assert {name.partition(".")[0] for name in loaded}.isdisjoint(HEAVY | {"pytest"})
    own = {name for name in loaded if name.startswith("hardpoint")}
    assert own == {"hardpoint", "hardpoint.core", "hardpoint.core.public", "hardpoint.provider"}


def test_importing_the_inbox_or_the_vault_by_its_package_loads_neither() -> None:
    loaded = loaded_by("import hardpoint.webhooks, hardpoint.oauth, hardpoint.sync")
    assert {name.partition(".")[0] for name in loaded}.isdisjoint(HEAVY)


def test_the_errors_and_secrets_load_nothing_heavy() -> None:
    loaded = loaded_by("from hardpoint import Secret, WebhookError")
    assert {name.partition(".")[0] for name in loaded}.isdisjoint(HEAVY)


def test_one_scheme_loads_neither_a_server_nor_another_provider() -> None:
    statement = "from hardpoint.webhooks import scheme\nscheme('github', secrets=['x'])"
    loaded = loaded_by(statement)
    tops = {name.partition(".")[0] for name in loaded}
    assert tops.isdisjoint(HEAVY - {"msgspec"})
    providers = {name for name in loaded if name.startswith("hardpoint.providers.")}
    assert all(name.startswith("hardpoint.providers.github") for name in providers)


ADAPTERS = sorted(
    {
        reference.partition(":")[0]
        for name in provider_names()
        for reference in (*provider(name).ports.values(), provider(name).identity)
        if reference
    }
)
FIRST_USE = HEAVY - {"msgspec"} | {
    "asyncio",
    "email",
    "http",
    "importlib.metadata",
    "phonenumbers",
    "socket",
    "sqlite3",
    "ssl",
    "tempfile",
    "xml",
}
"""What an adapter loads when it is first needed, or never: some of it takes as long as all else."""
OWN_WAY = {"hardpoint.providers.filesystem.storage": {"asyncio", "socket", "ssl"}}
"""Its work is done in threads of the event loop's."""


@pytest.mark.parametrize("module", ADAPTERS)
def test_an_adapter_loads_nothing_heavy_before_it_is_used(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert loaded.isdisjoint(FIRST_USE - OWN_WAY.get(module, set()))


@pytest.mark.parametrize("name", ["aws", "azure", "google"])
def test_a_cloud_loads_its_own_library_when_credentials_are_first_needed(name: str) -> None:
    statement = f"import hardpoint.providers.{name}.credentials"
    assert loaded_by(statement).isdisjoint(FIRST_USE)


def cpu_seconds(code: str) -> float:
    """What running it costs in CPU time, which other work on the machine changes least."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_importing_hardpoint_is_within_its_budget() -> None:
    bare: list[float] = []
    ours: list[float] = []
    for _ in range(5):  # interleaved: a busy moment falls on both
        bare.append(cpu_seconds("pass"))
        ours.append(cpu_seconds("import hardpoint"))
    assert (min(ours) - min(bare)) * 1000 <= MILLISECONDS_MAX
