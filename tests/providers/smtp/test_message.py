"""An email as bytes, read again by Python's own parser; no value can add a line."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.email import Address, Attachment, Invitation
from hardpoint.email.headers import one_line
from hardpoint.email.types import NewEmail
from hardpoint.providers.smtp.fake_mail import flaw_of
from hardpoint.providers.smtp.message import message

LINES = st.text(max_size=120).filter(lambda text: text.strip() and one_line(text))
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300
).filter(str.strip)
FROM = Address(email="orders@shop.example", name="Shop")
TO = Address(email="ann@customer.example")


def made(eight_bit=False, **facts):
    given_ = {"key": "k", "from_": FROM, "to": (TO,), "subject": "s", "text": "t"} | facts
    return message(NewEmail(**given_), "id", 1_700_000_000.0, eight_bit=eight_bit)


def read(data):
    assert flaw_of(data, " BODY=8BITMIME") is None
    return message_from_bytes(data, policy=policy.default)


@given(LINES, LINES, TEXTS, st.booleans())
def test_subject_name_and_text_come_back(subject, name, text, eight_bit):
    data = made(eight_bit, subject=subject, to=(Address(email=TO.email, name=name),), text=text)
    assert eight_bit or data.isascii()
    head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    names = [one.partition(b":")[0] for one in head if not one.startswith(b" ")]
    assert len(set(names)) == len(names)
    assert {b"Date", b"Message-ID", b"From", b"To", b"Subject"} <= set(names)
    parsed = read(data)
    assert parsed["to"].addresses[0].addr_spec == TO.email
    assert parsed.get_content().split() == text.split()


@pytest.mark.parametrize(
    "text", ["Your order", "Grüße & 5 €", "日本語" * 100, "a" * 900, "=?utf-8?q?x?=", "ü" * 300]
)
def test_a_subject_of_any_script_comes_back_whole(text):
    assert str(read(made(subject=text))["subject"]) == ("x" if text.startswith("=?") else text)


@pytest.mark.parametrize("name", ["Lee, Ann", "Dr. Bob", 'A "B" \\ C', "Müller; <x@y>", "x" * 255])
def test_a_name_comes_back_whole(name):
    parsed = read(made(to=(Address(email=TO.email, name=name), FROM)))
    assert [str(one.display_name) for one in parsed["to"].addresses] == [name, "Shop"]


@pytest.mark.parametrize("name", ["ü" * 255, "00" + "\U00010000" * 11])
def test_a_long_name_is_several_encoded_words(name):
    """Python's newer parser puts a blank between them, against RFC 2047, 6.2."""
    data = made(to=(Address(email=TO.email, name=name),), from_=Address(email=TO.email, name=name))
    read(data)
    for field in ("to", "from"):
        ((shown, email),) = getaddresses([message_from_bytes(data)[field]])
        assert (str(make_header(decode_header(shown))), email) == (name, TO.email)


def test_a_long_header_is_not_broken():
    """Python's own generator makes encoded words of it, which no mailbox understands."""
    link = f"<https://shop.example/out?{'a' * 200}>"
    data = made(headers={"List-Unsubscribe": link})
    assert f"List-Unsubscribe: {link}\r\n".encode() in data


def test_many_recipients_fit_on_lines():
    many = tuple(Address(email=f"customer-{n}@customer.example", name="x" * 90) for n in range(100))
    parsed = read(made(to=many, cc=(FROM,), reply_to=(TO, FROM)))
    assert len(getaddresses([parsed["to"]])) == 100
    assert len(parsed["reply-to"].addresses) == 2


@pytest.mark.parametrize("text", ["plain", None])
def test_files_and_images_are_where_they_belong(text):
    logo = Attachment(name="logo.png", content=b"PNG", content_type="image/png", content_id="logo")
    bill = Attachment(name="Rechnung März.pdf", content=b"%PDF\0", content_type="application/pdf")
    html = '<img src="cid:logo">'
    parsed = read(made(text=text, html=html, attachments=(bill, logo)))
    kinds = [one.get_content_type() for one in parsed.walk()]
    related = ["multipart/related", "text/html", "image/png"]
    inner = ["multipart/alternative", "text/plain", *related] if text else related
    assert kinds == ["multipart/mixed", *inner, "application/pdf"]
    (attached,) = parsed.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == (bill.name, bill.content)
    image = next(one for one in parsed.walk() if one.get_content_type() == "image/png")
    assert image["content-id"] == "<logo>"


@given(st.text(min_size=1, max_size=255).filter(lambda name: name.strip() and one_line(name)))
def test_a_file_name_of_any_script_and_length_comes_back(name):
    name = name.replace("/", "").replace("\\", "").replace('"', "").strip() or "a"
    parsed = read(made(attachments=(Attachment(name=name, content=b"a"),)))
    (attached,) = parsed.iter_attachments()
    assert attached.get_filename() == name


@pytest.mark.parametrize("value", ["a\r\nBcc: eve@evil.example", "a\nb", "a\0b"])
def test_a_driver_that_is_called_without_the_port_adds_no_line(value):
    named = Address(email="a@b.example", name=f"ü{value}")
    for facts in (
        {"headers": {"X-A": value}},
        {"subject": value},
        {"subject": f"ü{value}"},
        {"to": (Address(email=value),)},
        {"to": (named,)},
        {"from_": named},
    ):
        with pytest.raises(InvalidRequestError):
            made(**facts)


def test_an_invitation_stands_beside_the_texts_and_names_its_method():
    now = datetime(2027, 3, 1, 9, tzinfo=UTC)
    logo = Attachment(name="logo.png", content=b"PNG", content_type="image/png", content_id="logo")
    invitation = Invitation(uid="7", starts=now, ends=now, summary="s", organizer=FROM)
    parsed = read(made(html="<p>", attachments=(logo,), invitation=invitation, cc=(FROM,)))
    kinds = [one.get_content_type() for one in parsed.walk()]
    related = ["multipart/related", "text/html", "image/png"]
    assert kinds == ["multipart/alternative", "text/plain", *related, "text/calendar"]
    calendar = list(parsed.walk())[-1]
    assert calendar["content-type"].params["method"] == "REQUEST"
    assert calendar.get_content().count("ATTENDEE") == 2
