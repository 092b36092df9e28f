"""Many files, and files that are none: nothing stops a scan, nothing is looked at twice."""

import time
from pathlib import Path

import pytest

from hardpoint.audit.examining import UNREADABLE_RULE, examine
from hardpoint.audit.files import BYTES_MAX, content_of, is_test, python_files
from hardpoint.audit.findings import Edit, Finding
from hardpoint.audit.mending import mend, mended
from hardpoint.audit.scanning import default_cache, scan

BAD = "import requests\n\n\ndef ask(url):\n    return requests.get(url)\n"


def write(path: Path, text: str = BAD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def certain(findings) -> list[str]:
    return [one.path for one in findings if one.rule == "HP301" and one.verdict == "violation"]


def test_files_are_found_below_folders_and_named_from_the_root(tmp_path: Path) -> None:
    write(tmp_path / "app" / "a.py")
    write(tmp_path / "b.py")
    write(tmp_path / "notes.txt")
    for folder in (".hidden", "node_modules", "__pycache__", "venv", "site-packages"):
        write(tmp_path / folder / "x.py")
    report = scan([tmp_path], root=tmp_path)
    assert certain(report.findings) == ["b.py", "app/a.py"]
    assert (report.files, report.from_cache) == (2, 0)


def test_a_file_that_is_named_twice_is_looked_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.py")
    assert list(python_files([path, tmp_path, path])) == [path]


def test_no_report_repeats_a_secret() -> None:
    secret = "sk_live_" + "51Nq2mLkPz8RtYwXv3Bc"
    (found,) = examine("app.py", f'import stripe\nstripe.api_key = "{secret}"\n'.encode())
    assert found.rule == "HP601"
    assert found.code == 'stripe.api_key = "sk_live_..."'


SECRET = "sk_live_" + "51Nq2mLkPz8RtYwXv3Bc"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('get(u, headers={"A": "Bearer SECRET"})', 'get(u, headers={"A": "Bearer ..."})'),
        ("get(u, headers={'A': 'Basic dTpwdw=='})", "get(u, headers={'A': 'Basic ...'})"),
        ('get(u, headers={"A": f"Bearer {key}"})', 'get(u, headers={"A": f"Bearer {key}"})'),
        ('get(u, auth=(b"SECRET", b""))', 'get(u, auth=(b"sk_live_...", b""))'),
        ('get(f"https://x?sent={n}&by=SECRET")', 'get(f"https://x?sent={n}&by=SECRET_...")'),
        ('get("https://u:pw@x.example/v1")', 'get("https://u:...@x.example/v1")'),
        ('get("https://x?token=short&n=1")', 'get("https://x?token=...&n=1")'),
        ('get(f"https://x?token={token}")', 'get(f"https://x?token={token}")'),
        ("get(u)  # SECRET", "get(u)  # sk_live_..."),
        ('get(u + """SECRET""")', 'get(u + """sk_live_...""")'),
        ('get(u, key="9f" + "a1b2c3d4e5f6a7b8c9d0e1f2")', 'get(u, key="9f" + "a1b2c3d4...")'),
        ("get(u, key=config.http2.vendor.main)", "get(u, key=config.http2.vendor.main)"),
        ('get("https://api.vendor.example/v1/pay")', 'get("https://api.vendor.example/v1/pay")'),
        ("get(u, key=a_name_that_is_long_and_has_no_digit)", None),
    ],
)
def test_no_report_repeats_a_secret_wherever_it_stands(line: str, code: str | None) -> None:
    line, code = (
        one.replace("SECRET_", "sk_live_").replace("SECRET", SECRET) for one in (line, code or line)
    )
    (found,) = [
        one
        for one in examine("app.py", f"import requests\nrequests.{line}\n".encode())
        if one.rule == "HP301"
    ]
    assert found.code == f"requests.{code}"


def test_many_findings_on_one_line_hold_it_once_and_not_whole() -> None:
    found = examine("app.py", b"import requests\n" + b"requests.get(u); " * 500)
    codes = [one.code for one in found if one.rule == "HP301"]
    assert len(codes) == 500
    assert all(one is codes[0] and len(one) <= 400 for one in codes)


def test_many_findings_among_many_texts_take_little_time() -> None:
    lines = "".join(f's{one} = "sk_live_{one}mLkPz8RtYwXv3Bc"\n' for one in range(12_000))
    began = time.process_time()
    assert len(examine("app.py", f"import requests\n{lines}".encode())) == 12_000
    assert time.process_time() - began < 8


@pytest.mark.parametrize("mark", ["\f", "\x1c", "\x85", "\u2028", "\v"])
def test_lines_are_those_that_python_counts(mark: str) -> None:
    source = f'import requests\n# a page{mark}break\n"{mark}"\nrequests.get(u)\npay(1)\n'
    found = examine("app.py", source.encode())
    assert [(one.line, one.code) for one in found if one.edits] == [(4, "requests.get(u)")]
    assert mended(source, found) == source.replace("get(u)", "get(u, timeout=10)")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_mending_keeps_the_ends_of_lines(end: str) -> None:
    source = end.join(["import requests", "", "requests.get(u)", "pay(1)", ""])
    assert mended(source, examine("app.py", source.encode())) == source.replace(
        "get(u)", "get(u, timeout=10)"
    )


def test_an_import_is_put_before_the_first_whatever_stands_above() -> None:
    source = '# a\fb\n"""Doc."""\nimport hashlib\nok = h.hexdigest() == given\n'
    edit = Edit(4, 5, 4, 27, "hmac.compare_digest(h.hexdigest(), given)")
    one = Finding(
        rule="HP101", path="a", line=4, column=5, message="", edits=(edit,), imports="hmac"
    )
    assert mended(source, [one]) == (
        '# a\fb\n"""Doc."""\nimport hmac\nimport hashlib\n'
        "ok = hmac.compare_digest(h.hexdigest(), given)\n"
    )


def test_a_link_leads_out_of_no_folder(tmp_path: Path) -> None:
    outside = write(tmp_path / "private.py")
    inside = write(tmp_path / "app" / ".lib" / "a.py")
    (tmp_path / "app" / "out.py").symlink_to(outside)
    (tmp_path / "app" / "in.py").symlink_to(inside)
    assert list(python_files([tmp_path / "app"])) == [tmp_path / "app" / "in.py"]
    named = tmp_path / "app" / "out.py"
    assert list(python_files([named])) == [named]
    again = tmp_path / "again"
    again.symlink_to(tmp_path / "app", target_is_directory=True)
    assert list(python_files([again])) == [again / "in.py"]


@pytest.mark.parametrize(
    ("coding", "written"),
    [("latin-1", "latin-1"), ("latin-1", "utf-8"), ("utf-8", "utf-8"), ("utf-8", "utf-8-sig")],
)
def test_mending_counts_in_the_encoding_of_the_file(
    tmp_path: Path, coding: str, written: str
) -> None:
    before = f"# coding: {coding}\r\nimport requests\r\ns = 'éé'; requests.get(u)\r\n"
    path = tmp_path / "a.py"
    path.write_bytes(before.encode(written))
    assert mend(path, scan([path], root=tmp_path).findings) == 1
    assert path.read_bytes() == before.replace("get(u)", "get(u, timeout=10)").encode(written)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    path = write(tmp_path / "a.py")
    link = tmp_path / "link.py"
    link.symlink_to(path)
    found = scan([path], root=tmp_path).findings
    assert (mend(link, found), path.read_text()) == (0, BAD)
    assert mend(path, found) == 1


def test_a_path_outside_of_the_root_keeps_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere" / "a.py")
    report = scan([path], root=tmp_path / "root")
    assert certain(report.findings) == [path.as_posix()]


def test_loops_of_links_end(tmp_path: Path) -> None:
    write(tmp_path / "app" / "a.py")
    (tmp_path / "app" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    report = scan([tmp_path], root=tmp_path)
    assert certain(report.findings) == ["app/a.py"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"import requests\nrequests.get(", "line 2"),
        (b"import requests\nprint 'x'\n", "Python 2"),
        (b"import requests\ntry:\n  pass\nexcept Exception, e:\n  pass\n", "Python 2"),
        (b"import requests\0\n", "binary"),
        (b"\xff\xfeimport requests", "encoding declaration"),
        (b"# coding: latin-9000\nimport requests\n", "unknown encoding"),
        (b"import requests\nx = '\xe9'\n", ""),
        (b"# requests\n" + b"x = " + b"(" * 5000 + b")" * 5000, ""),
    ],
)
def test_what_cannot_be_read_is_named_and_passed_over(content: bytes, why: str) -> None:
    (finding,) = examine("x.py", content)
    assert finding.rule == UNREADABLE_RULE
    assert finding.verdict == "unproven"
    assert finding.message.startswith("not looked at: ")
    assert why in finding.message


@pytest.mark.parametrize("coding", ["latin-1", "cp1252", "utf-8-sig"])
def test_other_encodings_are_read_as_they_say(coding: str) -> None:
    head = "" if coding == "utf-8-sig" else f"# coding: {coding}\n"
    text = f"{head}# café\r\nimport requests\r\nrequests.get('é')\r\n"
    (finding,) = examine("x.py", text.encode(coding))
    assert (finding.rule, finding.code) == ("HP301", "requests.get('é')")


def test_a_file_that_was_generated_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "big.py"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    (finding,) = scan([path], root=tmp_path).findings
    assert f"more than {BYTES_MAX} bytes" in finding.message
    assert content_of(write(tmp_path / "small.py")) == BAD.encode()


def test_what_disappears_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hardpoint.audit.scanning.python_files", lambda paths: iter([tmp_path / "gone.py"])
    )
    report = scan([tmp_path], root=tmp_path)
    assert [one.message for one in report.unread] == ["not looked at: No such file or directory"]


def test_what_has_not_changed_is_not_looked_at_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = write(
        tmp_path / "src" / "a.py", BAD + "h == hmac.new(k, b, d).hexdigest()\nimport hmac\n"
    )
    write(tmp_path / "src" / "b.py", "x = 1\n")
    first = scan([tmp_path / "src"], root=tmp_path, cache_folder=cache)
    second = scan([tmp_path / "src"], root=tmp_path, cache_folder=cache)
    assert (first.from_cache, second.from_cache) == (0, 2)
    assert list(second.findings) == list(first.findings)
    assert any(one.edits for one in second.findings)
    path.write_text("x = 1\n")
    third = scan([tmp_path / "src"], root=tmp_path, cache_folder=cache)
    assert (third.from_cache, third.findings) == (1, [])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": "old"}', b"[" * 100_000])
def test_a_cache_that_cannot_be_read_is_written_anew(tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "cache"
    write(tmp_path / "src" / "a.py")
    scan([tmp_path / "src"], root=tmp_path, cache_folder=cache)
    (file,) = cache.iterdir()
    file.write_bytes(content)
    report = scan([tmp_path / "src"], root=tmp_path, cache_folder=cache)
    assert (report.from_cache, certain(report.findings)) == (0, ["src/a.py"])
    assert scan([tmp_path / "src"], root=tmp_path, cache_folder=cache).from_cache == 1


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    write(tmp_path / "src" / "a.py")
    (tmp_path / "cache").write_text("a file, not a folder")
    report = scan([tmp_path / "src"], root=tmp_path, cache_folder=tmp_path / "cache")
    assert certain(report.findings) == ["src/a.py"]


def test_many_files_are_shared_among_processes(tmp_path: Path) -> None:
    for number in range(450):
        write(tmp_path / f"m{number:03}.py", BAD if number % 50 == 0 else "x = 1\n")
    report = scan([tmp_path], root=tmp_path, processes=2)
    assert certain(report.findings) == [f"m{number:03}.py" for number in range(0, 450, 50)]


def test_the_cache_is_where_the_system_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache() == Path("/somewhere/hardpoint/audit")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path("~/.cache/hardpoint/audit").expanduser()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_x.py", True),
        ("app/test_x.py", True),
        ("app/x_test.py", True),
        ("app/conftest.py", True),
        ("app/testing/x.py", True),
        ("app/x.py", False),
        ("contest/x.py", False),
        ("", False),
    ],
)
def test_tests_are_known_by_their_names(path: str, expected: bool) -> None:
    assert is_test(path) is expected


def test_trees_that_are_too_deep_are_passed_over_below() -> None:
    deep = "import requests\nx = " + "-" * 400 + "requests.get(u)\nrequests.get(u)\n"
    assert [one.line for one in examine("x.py", deep.encode())] == [3]


def test_a_fingerprint_stays_when_lines_are_added_above() -> None:
    def first(text: str) -> Finding:
        return examine("x.py", text.encode())[0]

    assert first(BAD).fingerprint == first("# more\n\n" + BAD).fingerprint
    assert first(BAD).fingerprint != first(BAD.replace("(url)", "(link)")).fingerprint
