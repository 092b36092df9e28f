"""SQLite with a pause where its WAL-reset defect sits, so that what is rare happens each time.

Until 3.51.2 a checkpoint reads the index of the log, and only then what of it is copied already. If
another connection starts the log anew in between, pages of the old log are copied over newer ones.
`make durability` fetches the source; it is built here, with any C compiler.
"""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
PLACE = "rc = walCheckpoint(pWal, db, eMode2, xBusy2, pBusyArg, sync_flags,zBuf);"
PAUSE = 'const char *ms = getenv("HARDPOINT_PAUSE_MS"); if( ms ) usleep(1000*atoi(ms)); '


@pytest.fixture(scope="session")
def paused_library(tmp_path_factory) -> Path:
    """Preloaded, it takes the place of the system's."""
    folder = tmp_path_factory.mktemp("library")
    (archive,) = FOLDER.glob("*.tgz")
    with tarfile.open(archive) as packed:
        (code,) = (one for one in packed if one.name.endswith("/sqlite3.c"))
        text = packed.extractfile(code).read().decode()
    assert text.count(PLACE) == 1
    (folder / "sqlite3.c").write_text(text.replace(PLACE, PAUSE + PLACE))
    library = folder / "libsqlite3.so.0"
    options = ["-O0", "-fPIC", "-shared", "-w", "-DSQLITE_ENABLE_COLUMN_METADATA"]
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, *options, "-o", library, folder / "sqlite3.c", "-lpthread", "-ldl", "-lm"],
        check=True,
    )
    return library
