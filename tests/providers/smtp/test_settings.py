import sys

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.hub.settings import Settings
from hardpoint.providers.smtp import Security, Smtp
from hardpoint.providers.smtp.calls import AsyncSmtp
from hardpoint.testing.sandbox import Sandbox


@pytest.mark.parametrize(
    ("url", "facts"),
    [
        ("smtp://mail.example", ("mail.example", 587, Security.UPGRADED, None, None)),
        ("smtp://u:p%40%2F@Mail.example:25", ("mail.example", 25, Security.UPGRADED, "u", "p@/")),
        ("smtps://a%40b:%C3%BC@mail.example/", ("mail.example", 465, Security.TLS, "a@b", "ü")),
        ("smtps://127.0.0.1", ("127.0.0.1", 465, Security.TLS, None, None)),
        ("smtp://localhost:1025", ("localhost", 1025, Security.NONE, None, None)),
        ("smtp://[::1]:1025", ("::1", 1025, Security.NONE, None, None)),
    ],
)
def test_a_url_says_all(url, facts):
    one = Smtp(url=Secret.value(url)).server
    password = one.password and one.password.reveal()
    assert (one.host, one.port, one.security, one.user, password) == facts


@pytest.mark.parametrize(
    "url",
    [
        "mail.example:587",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:0",
        "smtp://mail.example:99999",
        "smtp://mail.example:x",
        "smtp://mail example",
        "smtp://[::1",
        "smtp://u@mail.example",
        "smtp://:@mail.example",
        "smtp://u:@mail.example",
        "smtp://u:canary%0D%0A@mail.example",
        "smtp://u:canary%ff@mail.example",
        "smtp://mail.example/x",
        "smtp://mail.example?x=1",
        "smtp://mäil.example",
    ],
)
def test_a_url_that_is_none_is_refused_and_not_shown(url):
    with pytest.raises(ConfigurationError) as caught:
        Smtp(url=Secret.value(url))
    assert caught.value.key == "url"
    assert caught.value.fix
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "key"),
    [({"from_": "orders"}, "from_"), ({"timeout": 0.0}, "timeout"), ({"timeout": -1.0}, "timeout")],
)
def test_what_cannot_work_is_named(options, key):
    with pytest.raises(ConfigurationError) as caught:
        Smtp(url=Secret.value("smtp://localhost"), **options)
    assert caught.value.key == key


def test_under_the_test_kit_nothing_leaves_the_machine(tmp_path):
    path = tmp_path / "hardpoint.toml"
    path.write_text('[connections.mail]\nprovider = "smtp"\nurl = "env:NOBODY_SETS_THIS"\n')
    sandbox = Sandbox()
    try:
        assert Settings.load(path).connections["mail"].build().server.host == "127.0.0.1"
    finally:
        sandbox.close()


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiosmtplib", None)
    with pytest.raises(ConfigurationError, match=r"hardpoint\[smtp\]"):
        AsyncSmtp(Smtp(url=Secret.value("smtp://localhost")))
