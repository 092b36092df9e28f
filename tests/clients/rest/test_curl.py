"""A call as a command line: a real curl makes it, and no secret stands in it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hardpoint.clients import RestSettings
from hardpoint.clients.rest.curl import curl_of, variable
from hardpoint.clients.rest.requests import RestRequest
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Unproven


def test_a_secret_is_named_as_a_shell_finds_it():
    assert variable(Secret.env("CRM_KEY")) == "$CRM_KEY"
    assert variable(Secret.file("/run/my key")) == "$(cat '/run/my key')"
    assert variable(Secret.value("x")) == variable(Unproven()) == variable(None) == "$KEY"


def test_certificates_and_bodies_that_are_no_text_are_shown_as_far_as_they_can_be():
    settings = RestSettings(
        base_url="https://api.example",
        auth="mtls",
        certificate=Path("/a b.pem"),
        certificate_key=Path("/k.pem"),
    )
    call = RestRequest(method="POST", target="/x", body=lambda: b"")
    assert curl_of(call, "https://api.example/x", settings) == (
        "curl --fail-with-body -X POST https://api.example/x --cert '/a b.pem' --key /k.pem"
    )


@pytest.mark.parametrize(
    "auth",
    [{"auth": "bearer"}, {"auth": "basic", "user": "me"}, {"auth": "header", "header": "X-Key"}],
)
def test_curl_itself_sends_what_we_send(api, auth, monkeypatch):
    monkeypatch.setenv("HP_CRM_KEY", "k-1")
    api.fake.on("POST /deals", {"id": 8})
    crm = api.client(key=Secret.env("HP_CRM_KEY"), **auth)
    line = crm.curl("POST", "/deals", json={"a": "it's"}, query={"b": "x y"})
    sh, curl = shutil.which("sh"), shutil.which("curl")
    if curl is None:  # then the line alone is looked at
        assert "$HP_CRM_KEY" in line
        return
    subprocess.run(
        [sh, "-c", line],
        check=True,
        env={"HP_CRM_KEY": "k-1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
    )
    theirs = api.last
    assert (theirs.target, theirs.body) == ("/deals?b=x%20y", b'{"a":"it\'s"}')
    shown = {name: theirs.headers.get(name) for name in ("authorization", "x-key")}
    assert shown in (
        {"authorization": "Bearer k-1", "x-key": None},
        {"authorization": "Basic bWU6ay0x", "x-key": None},
        {"authorization": None, "x-key": "k-1"},
    )
