"""Invitations to a calendar (RFC 5545, RFC 5546), and the headers by which people unsubscribe."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from urllib.parse import urlsplit

from hardpoint.core.arguments import expect
from hardpoint.core.errors import InvalidRequestError
from hardpoint.email.addresses import Address, checked_address
from hardpoint.email.headers import checked_line, one_line
from hardpoint.http.redaction import Discreet, length

_LINE_BYTES = 75
_TEXT_CHARACTERS_MAX = 4000
_LINK_CHARACTERS_MAX = 400
_URI = frozenset("<> \"'\\^`{|},")


class InvitationMethod(StrEnum):
    """What the calendar is to do."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


class Invitation(Discreet, frozen=True, kw_only=True):
    """An appointment that goes along.

    Attributes:
        uid: names the appointment; the same in each change of it, and when it is called off.
        starts, ends: with a time zone.
        summary: its title.
        organizer: who invites; answers go there.
        location, description: more of it.
        method: whether it takes place.
        sequence: counts its changes.
    """

    uid: str
    starts: datetime
    ends: datetime
    summary: str
    organizer: Address
    location: str | None = None
    description: str | None = None
    method: InvitationMethod = InvitationMethod.REQUEST
    sequence: int = 0

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "summary": length,
        "location": length,
        "description": length,
    }

    def calendar(self, attendees: tuple[Address, ...], now: float) -> str:
        """The calendar's text; no value can add a line to it.

        Args:
            attendees: who is invited.
            now: Unix seconds.
        """
        cancelled = self.method is InvitationMethod.CANCEL
        lines = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//hardpoint//EN",
            f"METHOD:{self.method.value}",
            "BEGIN:VEVENT",
            f"UID:{_text(self.uid)}",
            f"DTSTAMP:{_moment(datetime.fromtimestamp(now, UTC))}",
            f"DTSTART:{_moment(self.starts)}",
            f"DTEND:{_moment(self.ends)}",
            f"SUMMARY:{_text(self.summary)}",
            f"SEQUENCE:{self.sequence}",
            f"STATUS:{'CANCELLED' if cancelled else 'CONFIRMED'}",
            f"ORGANIZER{_name(self.organizer)}:mailto:{self.organizer.email}",
            *(f"ATTENDEE;RSVP=TRUE{_name(one)}:mailto:{one.email}" for one in attendees),
        ]
        if self.location is not None:
            lines.append(f"LOCATION:{_text(self.location)}")
        if self.description is not None:
            lines.append(f"DESCRIPTION:{_text(self.description)}")
        lines += ["END:VEVENT", "END:VCALENDAR", ""]
        return "\r\n".join(map(_folded, lines))


class Unsubscribe(Discreet, frozen=True, kw_only=True):
    """How a recipient's mailbox takes them off the list, by a button of its own.

    Attributes:
        url: https, and of this recipient alone: a POST to it unsubscribes, without a question and
            without a login (RFC 8058). A GET must not.
        email: an address that does so for any email (RFC 2369).
    """

    url: str | None = None
    email: str | None = None

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {"url": length}

    def headers(self) -> dict[str, str]:
        """`List-Unsubscribe`, and where there is a URL `List-Unsubscribe-Post`.

        Raises:
            InvalidRequestError: naming the field; nothing was sent.
        """
        ways: list[str] = []
        if self.url is not None:
            ways.append(f"<{_checked_link(self.url)}>")
        if self.email is not None:
            ways.append(f"<mailto:{checked_address(self.email, field='unsubscribe.email').email}>")
        if not ways:
            raise InvalidRequestError("names neither url nor email", field="unsubscribe")
        found = {"List-Unsubscribe": ", ".join(ways)}
        if self.url is not None:
            found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return found


def check_invitation(given: Invitation) -> None:
    """Refuse one that no calendar would take.

    Raises:
        InvalidRequestError: naming the field; nothing was sent.
    """
    expect(given, Invitation, "invitation", "Invitation(...)")
    checked_line(given.uid, field="invitation.uid", most=255)
    checked_line(given.summary, field="invitation.summary", most=255)
    expect(given.organizer, Address, "invitation.organizer", "Address(...)")
    checked_address(given.organizer, field="invitation.organizer")
    expect(given.method, InvitationMethod, "invitation.method", "an InvitationMethod")
    expect(given.sequence, int, "invitation.sequence", "a whole number")
    if given.sequence < 0:
        raise InvalidRequestError("is less than 0", field="invitation.sequence")
    for field in ("starts", "ends"):
        moment = getattr(given, field)
        expect(moment, datetime, f"invitation.{field}", "a datetime with a time zone")
        if moment.tzinfo is None:
            raise InvalidRequestError("has no time zone", field=f"invitation.{field}")
    if given.ends < given.starts:
        raise InvalidRequestError("is before starts", field="invitation.ends")
    for field in ("location", "description"):
        text = getattr(given, field)
        if text is None:
            continue
        expect(text, str, f"invitation.{field}", "text")
        if len(text) > _TEXT_CHARACTERS_MAX or not one_line(text.replace("\n", "")):
            raise InvalidRequestError(
                "is too long, or holds a control character", field=f"invitation.{field}"
            )


def _checked_link(url: str) -> str:
    field = "unsubscribe.url"
    expect(url, str, field, "https://...")
    fits = url.isascii() and url.isprintable() and len(url) <= _LINK_CHARACTERS_MAX
    if not fits or not _URI.isdisjoint(url):
        raise InvalidRequestError("is not a URL of printable ASCII", field=field)
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise InvalidRequestError("is not an https URL", field=field)
    return url


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\n", "\\n")


def _name(one: Address) -> str:
    """A parameter; a quotation mark cannot stand in one."""
    return "" if one.name is None else f';CN="{one.name.replace(chr(34), chr(39))}"'


def _folded(line: str) -> str:
    """In pieces of 75 bytes, no character cut."""
    pieces, piece = [""], 0
    for character in line:
        size = len(character.encode())
        if piece + size > _LINE_BYTES - 1:
            pieces.append("")
            piece = 0
        pieces[-1] += character
        piece += size
    return "\r\n ".join(pieces)
