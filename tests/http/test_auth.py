import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Basic, Bearer


def test_bearer_carries_the_secret_as_it_is():
    bearer = Bearer(Secret.value("abc"))
    assert bearer.headers() == (("authorization", "Bearer abc"),)
    assert bearer.secrets() == ("abc",)


def test_basic_carries_user_and_secret_encoded():
    basic = Basic("AC1", Secret.value("abc"))
    assert basic.headers() == (("authorization", "Basic QUMxOmFiYw=="),)
    assert basic.secrets() == ("abc",)


@pytest.mark.parametrize("text", ["abc\n", "a bc", "abc\u200b", "gr\xf6\xdfe"])
@pytest.mark.parametrize("kind", [Bearer, lambda secret: Basic("AC1", secret)])
def test_a_secret_that_was_not_copied_cleanly_is_refused_unshown(kind, text):
    with pytest.raises(ConfigurationError, match="odd characters") as caught:
        kind(Secret("env:KEY", lambda: text)).headers()
    assert caught.value.key == "env:KEY"
    assert text.strip() not in str(caught.value)


def test_a_rotated_secret_is_used_at_once():
    values = iter(["old", "new"])
    bearer = Bearer(Secret("rotating", lambda: next(values)))
    assert bearer.headers() != bearer.headers()
