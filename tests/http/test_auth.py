from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Basic, Bearer


def test_bearer_carries_the_secret_as_it_is():
    bearer = Bearer(Secret.value("abc"))
    assert bearer.headers() == (("authorization", "Bearer abc"),)
    assert bearer.secrets() == ("abc",)


def test_basic_carries_user_and_secret_encoded():
    basic = Basic("AC1", Secret.value("größe"))
    assert basic.headers() == (("authorization", "Basic QUMxOmdyw7bDn2U="),)
    assert basic.secrets() == ("größe",)


def test_a_rotated_secret_is_used_at_once():
    values = iter(["old", "new"])
    bearer = Bearer(Secret("rotating", lambda: next(values)))
    assert bearer.headers() != bearer.headers()
