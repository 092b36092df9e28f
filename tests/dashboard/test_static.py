"""The files that are not ours are what they were when they were taken."""

import hashlib
import re
from pathlib import Path

from hardpoint.dashboard import drawing

STATIC = Path(drawing.__file__).parent / "static"
OURS = {"dashboard.css", "dashboard.js", "favicon.svg"}


def test_what_is_not_ours_has_the_hash_that_is_written_down():
    listed = dict(
        reversed(line.split("  "))
        for line in (STATIC / "vendored.sha256").read_text().splitlines()
        if not line.startswith("#")
    )
    assert set(listed) == set(drawing.STATIC) - OURS
    for name, wanted in listed.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == wanted


def test_nothing_of_ours_leads_anywhere_else():
    pages = [*(STATIC.parent / "templates").glob("*.html"), *(STATIC / name for name in OURS)]
    for path in pages:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path
        assert not re.search(r"<style|<script>|\son\w+=|\sstyle=|javascript:|\|\s*safe", text), path
