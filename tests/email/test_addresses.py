import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.email.addresses import Address, checked_address, masked

LOCALS = st.from_regex(r"[A-Za-z0-9+_-]{1,12}(\.[A-Za-z0-9+_-]{1,12}){0,2}", fullmatch=True)
DOMAINS = st.from_regex(r"([a-z0-9]{1,8}\.){1,3}[a-z]{2,6}", fullmatch=True)
PRINTABLE = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=40
)
NAMES = (PRINTABLE | st.text('a "\\<>,;@()[]:.é🎉', min_size=1, max_size=20)).filter(str.strip)


@pytest.mark.parametrize(
    ("text", "email", "name"),
    [
        ("ann@shop.example", "ann@shop.example", None),
        ("<ann@shop.example>", "ann@shop.example", None),
        ("Ann.Lee+tag@SHOP.Example", "Ann.Lee+tag@shop.example", None),
        ("Ann Lee <ann@shop.example>", "ann@shop.example", "Ann Lee"),
        ("Dr. Ann O'Neil<ann@shop.example>", "ann@shop.example", "Dr. Ann O'Neil"),
        ('"Lee, Ann" <ann@shop.example>', "ann@shop.example", "Lee, Ann"),
        ('"a \\"b\\" \\\\" <ann@shop.example>', "ann@shop.example", 'a "b" \\'),
        ("Müller 🎉 <m@shop.example>", "m@shop.example", "Müller 🎉"),
        ("o'neil!#$%&*/=?^`{|}~@shop.example", "o'neil!#$%&*/=?^`{|}~@shop.example", None),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example", None),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example", None),
        ("ann@bu\u0308cher.example", "ann@xn--bcher-kva.example", None),
        ("ann@\u4f8b\u3048.\u30c6\u30b9\u30c8", "ann@xn--r8jz45g.xn--zckzah", None),
    ],
)
def test_an_address_is_taken_as_people_write_it(text, email, name):
    assert checked_address(text, field="to") == Address(email=email, name=name)


@pytest.mark.parametrize(
    "domain",
    [
        "stra\u00dfe.example",  # IDNA 2003 would send it to strasse.example
        "\u03c3\u03c2.example",
        "a\u200db.example",
        "a\u3002example",
        "\uff41.example",
        "a\u202eb.example",
        "\u00e9" * 64 + ".example",
        "\u00e9" * 300,
        "b\u00fccher..example",
    ],
)
def test_a_domain_that_could_be_anothers_is_refused(domain):
    with pytest.raises(InvalidRequestError) as caught:
        checked_address(f"ann@{domain}", field="to")
    assert caught.value.field == "to"
    assert domain not in str(caught.value)


@given(LOCALS, DOMAINS, st.none() | NAMES)
def test_every_address_comes_back_from_its_text(local, domain, name):
    address = Address(email=f"{local}@{domain}", name=name and name.strip())
    checked = checked_address(address, field="to")
    assert checked == address
    assert checked_address(checked.formatted(), field="to") == address


@given(st.text(max_size=60) | st.text('a@b.c <>",\\\r\n\0', max_size=40))
def test_any_text_is_an_address_of_one_line_or_refused(text):
    try:
        address = checked_address(text, field="to")
    except InvalidRequestError:
        return
    for part in (address.email, address.name or "", address.formatted()):
        assert not any(unicodedata.category(one) in {"Cc", "Zl", "Zp"} for one in part)
    assert address.email.isascii()
    assert address.email.count("@") == 1
    assert checked_address(address, field="to") == address


@given(NAMES, st.sampled_from("\r\n\0\x7f\x85\u2028\u2029\x1b"), st.integers(0, 40))
def test_no_name_carries_a_line_break_wherever_it_stands(name, control, place):
    broken = name[:place] + control + name[place:]
    for given_address in (
        Address(email="ann@shop.example", name=broken),
        f"{broken} <ann@shop.example>",
        f'"{broken}" <ann@shop.example>',
    ):
        with pytest.raises(InvalidRequestError):
            checked_address(given_address, field="to")


@given(LOCALS, DOMAINS)
def test_the_longest_address_is_taken_and_a_longer_one_is_not(local, domain):
    assume(len(domain) < 60)
    room = 254 - len(f"{local}@.{domain}")
    assume(room > 3)
    labels = ("a" * 60 + ".") * 5
    padded = f"{local}@{labels[:room].rstrip('.')}.{domain}"
    checked_address(padded, field="to")
    with pytest.raises(InvalidRequestError):
        checked_address(padded.replace("@", "@" + "b" * 20 + ".", 1) + "x" * 20, field="to")


def test_a_name_has_a_bound():
    checked_address(Address(email="ann@shop.example", name="x" * 255), field="to")
    for name in ("x" * 256, "", " "):
        with pytest.raises(InvalidRequestError):
            checked_address(Address(email="ann@shop.example", name=name), field="to")


def test_an_address_is_shown_in_part():
    address = Address(email="ann@shop.example", name="Ann Lee")
    assert repr(address) == "Address(email='a****@shop.example', name=<7 characters>)"
    assert masked("nonsense") == "****nonsense"


def test_the_text_of_an_address_is_the_address_and_its_repr_is_masked():
    address = Address(email="ann@shop.example", name="Lee, Ann")
    assert str(address) == f"{address}" == '"Lee, Ann" <ann@shop.example>'
    assert "ann@" not in repr(address)


@pytest.mark.parametrize(
    "email",
    ['"a..b."@docomo.ne.jp', '".a"@ezweb.ne.jp', r'"a\"b"@shop.example', '"a@b"@shop.example'],
)
def test_a_quoted_local_part_is_taken_as_it_is(email):
    assert checked_address(email, field="to") == Address(email=email)
    named = checked_address(f"Ann <{email}>", field="to")
    assert checked_address(named.formatted(), field="to") == named


@pytest.mark.parametrize("local", ['""', '"a', 'a"', '"a b"', '"a\n"', '"a"b"', '"a\\"', '"ü"'])
def test_what_is_no_quoted_local_part_is_refused(local):
    with pytest.raises(InvalidRequestError):
        checked_address(f"{local}@shop.example", field="to")
