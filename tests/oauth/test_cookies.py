import pytest

from hardpoint.oauth.cookies import Cookie

SESSION = Cookie(name="hp_session")


def test_a_cookie_belongs_to_this_host_alone_and_no_script_reads_it():
    assert SESSION.set("v", seconds=60.9) == (
        "__Host-hp_session=v; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
    )
    assert SESSION.clear().startswith("__Host-hp_session=; Path=/; Max-Age=0; Secure")


def test_on_plain_loopback_its_name_is_bare():
    plain = Cookie(name="hp_session", secure=False)
    assert plain.set("v", seconds=1) == "hp_session=v; Path=/; Max-Age=1; HttpOnly; SameSite=Lax"
    assert plain.read(["__Host-hp_session=w"]) is None


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        (["__Host-hp_session=v"], "v"),
        (["a=b; __Host-hp_session=v=w; c"], "v=w"),
        (["a=b", "__Host-hp_session=v"], "v"),
        ([], None),
        (["hp_session=v"], None),
        (["__Host-hp_session="], None),
        (["__host-hp_session=v"], None),
        (["__Host-hp_session=v; __Host-hp_session=w"], None),
        (["__Host-hp_session=v", "__Host-hp_session=v"], None),
        (["__Host-hp_session=" + "v" * 129], None),
    ],
)
def test_a_cookie_that_is_there_twice_is_nobodys(headers, value):
    assert SESSION.read(headers) == value


def test_one_that_comes_with_a_foreign_form_says_so_where_browsers_take_it():
    posted = Cookie(name="hp_posted", posted=True).set("v", seconds=60)
    assert posted == ("__Host-hp_posted=v; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=None")
    plain = Cookie(name="hp_posted", posted=True, secure=False).set("v", seconds=60)
    assert "SameSite" not in plain
