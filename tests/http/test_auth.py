import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Basic, Bearer, HeaderKey, bearer
from hardpoint.runtime.blocking import run


def test_bearer_carries_the_secret_as_it_is():
    key = Bearer(Secret.value("abc"))
    assert run(key.headers()) == (("authorization", "Bearer abc"),)
    assert key.secrets() == ("abc",)


def test_basic_carries_user_and_secret_encoded():
    basic = Basic("AC1", Secret.value("abc"))
    assert run(basic.headers()) == (("authorization", "Basic QUMxOmFiYw=="),)
    assert basic.secrets() == ("abc",)


@pytest.mark.parametrize("text", ["abc\n", "a bc", "abc\u200b", "gr\xf6\xdfe"])
@pytest.mark.parametrize("kind", [Bearer, lambda secret: Basic("AC1", secret)])
def test_a_secret_that_was_not_copied_cleanly_is_refused_unshown(kind, text):
    with pytest.raises(ConfigurationError, match="odd characters") as caught:
        run(kind(Secret("env:KEY", lambda: text)).headers())
    assert caught.value.key == "env:KEY"
    assert text.strip() not in str(caught.value)


def test_a_rotated_secret_is_used_at_once():
    values = iter(["old", "new"])
    key = Bearer(Secret("rotating", lambda: next(values)))
    assert run(key.headers()) != run(key.headers())


def test_what_is_no_secret_makes_its_own_headers():
    own = Basic("AC1", Secret.value("abc"))
    assert bearer(own) is own
    assert run(bearer(Secret.value("abc")).headers()) == (("authorization", "Bearer abc"),)


def test_a_static_key_goes_where_its_client_goes_and_outlives_a_401():
    secret = Secret.value("abc")
    for one in (Bearer(secret), Basic("AC1", secret), HeaderKey("x-api-key", secret)):
        before = run(one.headers())
        run(one.rejected(before))
        assert run(one.headers()) == before
        assert one.permits("api.acme.example")
