"""What a process of a bench found, on a pipe of its own.

Standard output is anyone's: a library that logs a line there must not spoil a measurement.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

PIPE = "BENCH_RESULTS"
"""The variable of the environment that names the pipe's descriptor."""


def tell(result: Any) -> None:
    """In the process: hand a result to whoever started it."""
    with os.fdopen(int(os.environ[PIPE]), "w", closefd=False) as pipe:
        pipe.write(json.dumps(result) + "\n")


@contextmanager
def told(
    command: list[str], *, env: Mapping[str, str] | None = None, **options: Any
) -> Iterator[tuple["subprocess.Popen[Any]", Iterator[Any]]]:
    """The process, and its results as they come; what it prints goes to our standard error.

    Raises:
        CalledProcessError: it failed.
    """
    reading, writing = os.pipe()
    environment = {**(os.environ if env is None else env), PIPE: str(writing)}
    with os.fdopen(reading) as pipe:
        try:
            process = subprocess.Popen(
                command, env=environment, pass_fds=[writing], stdout=2, **options
            )
        finally:
            os.close(writing)
        with process:
            yield process, map(json.loads, pipe)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def results(command: list[str], **options: Any) -> list[Any]:
    """All results of a process that runs to its end; see `told`."""
    with told(command, **options) as (_, found):
        return list(found)
