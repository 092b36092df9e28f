"""The checklist over a hostile person's files: bounded in time, in memory, and in place."""

import os
import time
import tracemalloc
from pathlib import Path

import pytest

from hardpoint.audit.findings import ChecklistItem
from hardpoint.specialist.checklist import ChecklistPoint, ProofBy, go_through

PAGE = "# Webhooks\nHow a credential is rotated.\n"


def point(folder: Path, item: ChecklistItem) -> ChecklistPoint:
    points = go_through([folder], [], None, root=folder)
    return next(one for one in points if one.item is item)


@pytest.mark.parametrize(
    "text",
    [
        "import requests\n" + "#" * 120_000 + "'\n",
        "\n" * 120_000 + "x",
        "import requests\n" + "except " * 60_000,
        "def test_x(): ...\n" * 100_000,
    ],
    ids=["marks", "line feeds", "excepts", "tests"],
)
@pytest.mark.parametrize("name", ["app.py", "test_app.py"])
def test_a_small_file_takes_little_time(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    began = time.process_time()
    go_through([tmp_path], [], None, root=tmp_path)
    assert time.process_time() - began < 5


def test_a_comment_proves_nothing_and_a_mark_in_a_text_ends_no_line(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text("import requests\nrequests.get(url)  # timeout=5\n")
    assert point(tmp_path, ChecklistItem.TIMEOUTS).proof is ProofBy.NOTHING
    app.write_text('import requests\n\nrequests.get("/#top", timeout=5)  # soon\n')
    assert point(tmp_path, ChecklistItem.TIMEOUTS).places == ("app.py:3",)


def test_each_test_is_named_by_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(
        "\n\ndef test_forged(): ...\n\nclass TestApp:\n    async def test_tampered(self): ...\n"
    )
    places = point(tmp_path, ChecklistItem.SECURITY).places
    assert places == ("test_app.py:3", "test_app.py:6")


def test_only_so_many_places_are_kept(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text("def test_forged(): ...\n" * 9)
    assert point(tmp_path, ChecklistItem.SECURITY).places == tuple(
        f"test_app.py:{line}" for line in (1, 2, 3)
    )


def test_a_page_is_read_below_the_folder_only_and_no_pipe(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (tmp_path / "private.md").write_text(PAGE)
    (folder / "linked.md").symlink_to(tmp_path / "private.md")
    os.mkfifo(folder / "pipe.md")
    (folder / "endless.md").symlink_to("/dev/zero")
    (folder / "folder.md").mkdir()
    assert point(folder, ChecklistItem.DOCUMENTATION).proof is ProofBy.NOTHING
    (folder / "pages").mkdir()
    (folder / "pages" / "run.txt").write_text(PAGE)
    (folder / "here.md").symlink_to(folder / "pages" / "run.txt")
    assert point(folder, ChecklistItem.DOCUMENTATION).proof is ProofBy.CODE


def test_a_large_page_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "large.md").open("wb") as file:
        file.write(PAGE.encode())
        file.truncate(40_000_000)
    tracemalloc.start()
    try:
        assert point(tmp_path, ChecklistItem.DOCUMENTATION).proof is ProofBy.CODE
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
