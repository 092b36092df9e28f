"""Sample events in the shape of GitHub's webhook payloads, the fields apps read.

The Octocat works on Hello-World. Ids are of the sample's repository, so they stay the same;
a delivery's own id is in its header.
"""

from datetime import UTC, datetime
from typing import Any

from hardpoint.webhooks.samples import Document, FreshIds, Samples

_API = "https://api.github.com"
_WEB = "https://github.com"
_REPOSITORY = "octocat/Hello-World"


def _when(fresh: FreshIds) -> str:
    return datetime.fromtimestamp(fresh.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _commit(fresh: FreshIds) -> str:
    """Forty hex digits, new each time."""
    return (fresh.uuid() + fresh.uuid()).replace("-", "")[24:64]


def _about(fresh: FreshIds, **event: Any) -> Document:
    """An event with what every payload about a repository ends with."""
    owner = {
        "login": "octocat",
        "id": 583231,
        "type": "User",
        "url": f"{_API}/users/octocat",
        "html_url": f"{_WEB}/octocat",
        "site_admin": False,
    }
    repository = {
        "id": 1296269,
        "name": "Hello-World",
        "full_name": _REPOSITORY,
        "private": False,
        "owner": owner,
        "html_url": f"{_WEB}/{_REPOSITORY}",
        "url": f"{_API}/repos/{_REPOSITORY}",
        "default_branch": "main",
        "updated_at": _when(fresh),
    }
    return {**event, "repository": repository, "sender": owner}


def _ping(fresh: FreshIds) -> Document:
    hook = {
        "type": "Repository",
        "id": 12345678,
        "name": "web",
        "active": True,
        "events": ["push"],
        "config": {"content_type": "json", "insecure_ssl": "0"},
        "created_at": _when(fresh),
    }
    return _about(fresh, zen="Keep it logically awesome.", hook_id=hook["id"], hook=hook)


def _push(fresh: FreshIds) -> Document:
    after = _commit(fresh)
    author = {"name": "The Octocat", "email": "octocat@example.com", "username": "octocat"}
    commit = {
        "id": after,
        "message": "Say hello",
        "timestamp": _when(fresh),
        "url": f"{_WEB}/{_REPOSITORY}/commit/{after}",
        "author": author,
        "committer": author,
        "added": ["hello.txt"],
        "removed": [],
        "modified": ["README.md"],
    }
    return _about(
        fresh,
        ref="refs/heads/main",
        before=_commit(fresh),
        after=after,
        created=False,
        deleted=False,
        forced=False,
        compare=f"{_WEB}/{_REPOSITORY}/compare/main",
        commits=[commit],
        head_commit=commit,
        pusher={"name": "octocat", "email": "octocat@example.com"},
    )


def _pull_request(fresh: FreshIds) -> Document:
    request = {
        "id": 279147437,
        "number": 2,
        "state": "open",
        "title": "Say hello twice",
        "body": "One greeting is not enough.",
        "draft": False,
        "merged": False,
        "html_url": f"{_WEB}/{_REPOSITORY}/pull/2",
        "head": {"ref": "twice", "sha": _commit(fresh)},
        "base": {"ref": "main", "sha": _commit(fresh)},
        "created_at": _when(fresh),
        "updated_at": _when(fresh),
    }
    return _about(fresh, action="opened", number=request["number"], pull_request=request)


def _issues(fresh: FreshIds) -> Document:
    issue = {
        "id": 444500041,
        "number": 1,
        "state": "open",
        "title": "Found a bug",
        "body": "The greeting has a typo.",
        "labels": [{"id": 208045946, "name": "bug", "color": "f29513"}],
        "assignees": [],
        "comments": 0,
        "html_url": f"{_WEB}/{_REPOSITORY}/issues/1",
        "created_at": _when(fresh),
        "updated_at": _when(fresh),
    }
    return _about(fresh, action="opened", issue=issue)


def _release(fresh: FreshIds) -> Document:
    release: Document = {
        "id": 17372790,
        "tag_name": "v1.0.0",
        "target_commitish": "main",
        "name": "First words",
        "body": "Says hello.",
        "draft": False,
        "prerelease": False,
        "html_url": f"{_WEB}/{_REPOSITORY}/releases/tag/v1.0.0",
        "assets": [],
        "created_at": _when(fresh),
        "published_at": _when(fresh),
    }
    return _about(fresh, action="published", release=release)


SAMPLES = Samples(
    {
        "issues": _issues,
        "ping": _ping,
        "pull_request": _pull_request,
        "push": _push,
        "release": _release,
    },
    event_id=lambda fresh, _: fresh.uuid(),
)
"""The delivery's id goes in a header, so each sample is a new event."""
