"""The page of each rule: `docs/audit` in the repository, a copy of it in what is installed."""

import re
from pathlib import Path


def pages_folder() -> Path:
    """Where the pages are."""
    packaged = Path(__file__).parent / "pages"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "docs" / "audit"


def page_text(rule: str) -> str | None:
    """A rule's page, or None where there is none of that name."""
    if re.fullmatch(r"HP\d{3}", rule) is None:
        return None
    try:
        return (pages_folder() / f"{rule}.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
