"""`hardpoint storage`: files of a folder of this machine, which any other provider stands for."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hardpoint.storage.types import ObjectInfo
from hardpoint.sync.storage import ObjectStore


@pytest.fixture
def files(folder, monkeypatch):
    """Two connections, and where they keep their files."""
    monkeypatch.setenv("HP_FILES", "s" * 64)
    (folder / "hardpoint.toml").write_text(
        '[store]\nurl = "sqlite:events.db"\n'
        '[connections.files]\nprovider = "filesystem"\npath = "files"\n'
        'secret = "env:HP_FILES"\npublic_url = "https://files.example"\n'
        '[connections.other]\nprovider = "filesystem"\npath = "other"\n'
    )
    for name in ("files", "other"):
        (folder / name).mkdir()
    (folder / "local").mkdir()
    for name in ("a.txt", "b/c.txt", "b/d.txt"):
        path = folder / "local" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


@pytest.fixture
def storage(cli, files):
    def run(*arguments, code=0, **options):
        done = cli("storage", *arguments, **options)
        assert done.code == code, done.err
        return done

    return run


def keys(storage, place="files:"):
    return [one["key"] for one in storage("ls", place, "-r", "--json").data["entries"]]


def test_a_file_goes_up_and_comes_down(storage, files):
    assert storage("cp", "local/a.txt", "files:x/").out == "copied local/a.txt to files:x/a.txt\n"
    storage("cp", "files:x/a.txt", "copy.txt")
    assert Path("copy.txt").read_text() == "a.txt"
    storage("cp", "files:x/a.txt", "local/b")
    assert Path("local/b/a.txt").read_text() == "a.txt"


def test_a_file_goes_from_one_connection_to_another_and_within_one(storage):
    storage("cp", "local/a.txt", "files:")
    told = storage("cp", "files:a.txt", "files:b.txt", "--json").data
    assert told == {"source": "files:a.txt", "target": "files:b.txt", "size": 5}
    storage("cp", "files:b.txt", "other:deep/b.txt")
    assert keys(storage, "other:") == ["deep/b.txt"]


def test_a_list_shows_folders_unless_it_goes_deeper(storage):
    storage("sync", "local", "files:")
    listed = storage("ls", "files:").out.splitlines()
    assert [line.split()[-1] for line in listed[1:]] == ["a.txt", "b/"]
    assert storage("ls", "files:", "--json").data["entries"][1] == {"prefix": "b/"}
    assert keys(storage) == ["a.txt", "b/c.txt", "b/d.txt"]
    assert keys(storage, "files:b/") == ["b/c.txt", "b/d.txt"]


def test_what_is_removed_is_named_first_if_you_like(storage):
    storage("sync", "local", "files:")
    assert storage("rm", "files:b/", "-r", "--dry-run").out == (
        "would remove files:b/c.txt\nwould remove files:b/d.txt\n"
    )
    assert storage("rm", "files:b/", "-r").out == "removed files:b/c.txt\nremoved files:b/d.txt\n"
    storage("rm", "files:a.txt")
    storage("rm", "files:a.txt")
    assert keys(storage) == []


def test_everything_at_once_is_not_removed(storage):
    assert "everything" in storage("rm", "files:", "-r", code=2).err


def test_a_url_is_signed(storage):
    url = storage("sign", "files:a.txt", "--expires", "60").out.strip()
    assert urlsplit(url).netloc == "files.example"
    assert storage("sign", "files:a.txt", "--json").data["expires"] == 3600


def test_a_folder_and_a_prefix_become_the_same_both_ways(storage):
    told = storage("sync", "local", "files:x", "--json").data
    assert told == {
        "copied": ["a.txt", "b/c.txt", "b/d.txt"],
        "removed": [],
        "same": 0,
        "dry_run": False,
    }
    assert storage("sync", "local", "files:x").out == "3 the same\n"
    Path("local/a.txt").write_text("longer than before")
    assert storage("sync", "local", "files:x/", "--dry-run").out == (
        "would copy a.txt\n2 the same\n"
    )
    storage("sync", "local", "files:x/")
    storage("sync", "files:x", "back")
    assert Path("back/a.txt").read_text() == "longer than before"
    assert Path("back/b/d.txt").read_text() == "b/d.txt"


def test_what_the_source_does_not_have_is_removed_if_you_say_so(storage):
    storage("sync", "local", "files:")
    Path("local/b/c.txt").unlink()
    assert storage("sync", "local", "files:").out == "2 the same\n"
    assert storage("sync", "local", "files:", "--delete").out == "remove b/c.txt\n2 the same\n"
    Path("local/more.txt").write_text("more")
    storage("sync", "files:", "local", "--delete")
    assert not Path("local/more.txt").exists()


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_source_that_is_written_wrong_removes_nothing(storage, files, dry):
    storage("sync", "local", "files:x")
    before = keys(storage)
    there = storage("sync", "locl", "files:x", "--delete", *dry, code=2)
    assert "there is no folder locl" in there.err
    (files / "empty").mkdir()
    for arguments in (["empty", "files:x"], ["files:y", "local"], ["other:", "local"]):
        done = storage("sync", *arguments, "--delete", *dry, code=5)
        assert "this would remove all" in done.err
    assert keys(storage) == before
    assert {one.name for one in (files / "local").rglob("*.txt")} == {"a.txt", "c.txt", "d.txt"}
    assert storage("sync", "empty", "files:y", "--delete").out == "0 the same\n"


def test_an_object_that_a_console_made_as_a_folder_is_no_file(storage, monkeypatch):
    storage("sync", "local", "files:")
    real = ObjectStore.list

    def listed(self, prefix="", **options):
        made = [ObjectInfo(key=f"{prefix}{name}/", size=0, etag="1") for name in ("", "made")]
        yield from made
        yield from real(self, prefix, **options)

    monkeypatch.setattr(ObjectStore, "list", listed)
    told = storage("sync", "files:b", "back", "--json").data
    assert told["copied"] == ["c.txt", "d.txt"]
    assert {one.name for one in Path("back").rglob("*")} == {"c.txt", "d.txt"}
    assert storage("sync", "back", "files:b", "--delete").out == "2 the same\n"


def test_a_link_out_of_the_folder_is_not_followed(storage, tmp_path):
    storage("cp", "local/a.txt", "files:out/a.txt")
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    Path("back").mkdir()
    Path("back/out").symlink_to(tmp_path / "elsewhere")
    assert "leads out" in storage("sync", "files:", "back", code=1).err
    assert not (tmp_path / "elsewhere" / "a.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cp", "local/a.txt", "b.txt"], "both are on this machine"),
        (["ls", "nothing:"], "configured connections: files, other"),
        (["sync", "local", "b"], "one side is a folder"),
        (["sync", "files:", "other:"], "one side is a folder"),
        (["sync", "local/a.txt", "files:"], "is not a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(storage, arguments, said):
    assert said in storage(*arguments, code=2).err


def test_progress_is_shown_on_a_terminal(storage):
    done = storage("cp", "local/a.txt", "files:", tty=True)
    assert "5/5 bytes of a.txt" in done.err
