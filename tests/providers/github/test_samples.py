import json
import re

import pytest

from hardpoint.core.identifiers import Uuid7
from hardpoint.webhooks.samples import samples

GITHUB = samples("github")
NOW = 1_700_000_000


def test_the_events_that_tools_handle_are_there() -> None:
    assert set(GITHUB.types) >= {"ping", "push", "pull_request", "issues", "release"}


@pytest.mark.parametrize("event_type", GITHUB.types)
def test_an_event_is_about_a_repository_and_has_a_sender(event_type: str) -> None:
    sample = GITHUB.sample(event_type, now=NOW, ids=Uuid7())
    document = json.loads(sample.body)
    assert document["repository"]["full_name"] == "octocat/Hello-World"
    assert document["sender"]["login"] == "octocat"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", sample.id)
    assert sample.id not in sample.body.decode()
    assert b'":"' in sample.body, "compact, as it is sent"


def test_a_push_names_its_commits() -> None:
    document = json.loads(GITHUB.sample("push", now=NOW, ids=Uuid7()).body)
    assert re.fullmatch("[0-9a-f]{40}", document["after"])
    assert document["after"] != document["before"]
    assert document["head_commit"]["id"] == document["after"]
    assert document["head_commit"]["timestamp"] == "2023-11-14T22:13:20Z"
