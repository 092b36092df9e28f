"""What is said to a mail server, what its replies mean, and what silence means at each step."""

import socket

import pytest

from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
    UnsupportedError,
)
from hardpoint.core.secrets import Secret
from hardpoint.email import Address, Attachment, DeliveryStatus, EmailFailure
from hardpoint.providers.smtp import Security, Smtp
from hardpoint.providers.smtp.calls import BlockingSmtp, dotted
from hardpoint.providers.smtp.email import SmtpEmail
from hardpoint.providers.smtp.fake_server import PASSWORD, SUPPRESSED, SmtpFault

TO = "ann@customer.example"


def address(email):
    return Address(email=email)


@pytest.mark.parametrize("security", list(Security))
@pytest.mark.parametrize("auth", ["PLAIN LOGIN", "LOGIN", ""])
def test_an_email_arrives_however_the_line_becomes_private(line, serve, security, auth):
    server = serve(security, auth=auth)
    options = (
        {} if auth else {"url": server.url.replace(server.url[7:].partition("@")[0] + "@", "")}
    )
    if not auth:
        scheme, _, rest = server.url.partition("://")
        options = {"url": f"{scheme}://{rest.rpartition('@')[2]}"}
    email = line(server, **options).send(bcc=(address("bcc@customer.example"),))
    (mail,) = server.mails
    assert mail.recipients == (TO, "bcc@customer.example")
    assert mail.sender == "orders@shop.example"
    assert b"bcc" not in mail.message.lower()
    assert mail.parsed["message-id"] == f"<{email.id}@shop.example>"
    assert [one.status for one in email.deliveries] == [DeliveryStatus.QUEUED] * 2
    assert ("STARTTLS" in server.commands) is (security is Security.UPGRADED)
    assert server.commands[0].startswith("EHLO [127.0.0.1]")


def test_the_message_id_is_the_same_for_a_repeat_and_no_other(line, serve):
    server = serve()
    driver = line(server)
    ids = [driver.send().id for _ in range(2)]
    ids += [driver.send(text="other").id, driver.send(key="send:order-8").id]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_nothing_goes_in_the_clear_where_tls_is_asked_for(line, serve):
    plain = serve()
    secured = serve(Security.UPGRADED)
    with pytest.raises(UnavailableError, match="does not offer STARTTLS") as caught:
        line(plain, authorities=secured.authorities).send()
    assert not caught.value.retryable
    assert [one.partition(" ")[0] for one in plain.commands][:1] == ["EHLO"]
    assert not {one.partition(" ")[0] for one in plain.commands} & {"AUTH", "MAIL"}


@pytest.mark.parametrize("security", [Security.TLS, Security.UPGRADED])
def test_a_certificate_that_is_not_trusted_ends_it(line, serve, security):
    server = serve(security, untrusted=True)
    with pytest.raises(UnavailableError, match="certificate is not trusted") as caught:
        line(server).send()
    assert not caught.value.retryable
    assert not server.mails


def test_what_is_said_before_tls_is_forgotten(line, serve):
    """A man in the middle may put a reply in behind the one to STARTTLS."""
    server = serve(Security.UPGRADED)
    take = server.struck
    server.struck = lambda at: "220 go on\r\n535 injected" if at == "STARTTLS" else take(at)
    with pytest.raises(UnavailableError):
        line(server).send()
    assert not server.mails


def test_wrong_credentials_are_told_without_showing_them(line, serve):
    server = serve()
    url = server.url.replace("%70", "%71", 1)  # another password
    with pytest.raises(AuthenticationError) as caught:
        line(server, url=url).send()
    assert caught.value.vendor_code == "5.7.8"
    shown = repr(caught.value) + str(caught.value)
    assert PASSWORD[1:] not in shown
    assert "****" in shown


def test_a_server_without_a_way_to_log_in_that_we_know(line, serve):
    server = serve(auth="GSSAPI")
    with pytest.raises(AuthenticationError, match="neither AUTH PLAIN"):
        line(server).send()


def test_every_recipient_has_an_outcome(line, serve):
    server = serve()
    to = (TO, "unknown@fake.example", SUPPRESSED, "full@fake.example")
    email = line(server).send(to=tuple(map(address, to)))
    outcomes = [(one.status, one.failure, one.vendor_status) for one in email.deliveries]
    assert outcomes == [
        (DeliveryStatus.QUEUED, None, "250"),
        (DeliveryStatus.INVALID, EmailFailure.INVALID_ADDRESS, "550"),
        (DeliveryStatus.REJECTED, EmailFailure.OTHER, "550"),
        (DeliveryStatus.FAILED, EmailFailure.MAILBOX, "452"),
    ]
    assert server.mails[0].recipients == (TO,)


@pytest.mark.parametrize(
    ("to", "error", "field"),
    [
        (("unknown@fake.example",), InvalidRequestError, "to[0]"),
        (("unknown@fake.example", "full@fake.example"), UnavailableError, None),
        ((TO, "invalid@fake.example"), InvalidRequestError, "to[1]"),
    ],
)
def test_where_nobody_is_reached_it_is_an_error(line, serve, to, error, field):
    server = serve()
    with pytest.raises(error) as caught:
        line(server).send(to=tuple(map(address, to)))
    assert getattr(caught.value, "field", None) == field
    assert caught.value.outcome_known
    assert not server.mails


REPLIES = [
    ("connect", "554 go away", InvalidRequestError, "554"),
    ("connect", "421 busy", UnavailableError, "421"),
    ("EHLO", "502 what", InvalidRequestError, "502"),
    ("STARTTLS", "454 not now", UnavailableError, "454"),
    ("AUTH", "535 5.7.8 no", AuthenticationError, "5.7.8"),
    ("AUTH", "454 4.7.0 later", UnavailableError, "454"),
    ("MAIL", "421 down", UnavailableError, "421"),
    ("MAIL", "550 5.7.1 not yours", PermissionDeniedError, "sender"),
    ("MAIL", "530 log in", AuthenticationError, "530"),
    ("MAIL", "552 5.3.4 too large", InvalidRequestError, "5.3.4"),
    ("RCPT", "421 4.3.2 down", UnavailableError, "421"),
    ("RCPT", "550 5.2.2 full", InvalidRequestError, "550"),
    ("RCPT", "599 odd", InvalidRequestError, "599"),
    ("DATA", "451 later", UnavailableError, "451"),
    ("DATA", "250 what", UnexpectedResponseError, None),
    ("message", "451 4.7.28 too many", RateLimitedError, "4.7.28"),
    ("message", "499 odd", UnavailableError, "499"),
    ("message", "554 5.7.1 spam", InvalidRequestError, "5.7.1"),
    ("message", "554 spam", InvalidRequestError, "554"),
]  # fmt: skip


@pytest.mark.parametrize("reply", REPLIES)
def test_a_refusal_has_its_error_and_nothing_is_sent(line, serve, reply):
    at, does, error, code = reply
    server = serve(Security.UPGRADED)
    server.faults.append(SmtpFault(at=at, does=does))
    with pytest.raises(error) as caught:
        line(server).send()
    assert (type(caught.value), caught.value.vendor_code) == (error, code)
    assert caught.value.outcome_known
    assert not server.mails


STEPS = ["connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("does", ["drop", "hang", "250-and so on\r\n" * 4000, "nonsense"])
@pytest.mark.parametrize("at", STEPS)
def test_a_line_that_is_lost_before_the_message_has_done_nothing(line, serve, at, does):
    server = serve(Security.UPGRADED)
    server.faults.append(SmtpFault(at=at, does=does))
    timeout = 0.3 if does == "hang" else 5.0
    with pytest.raises((UnavailableError, UnexpectedResponseError)) as caught:
        line(server, timeout=timeout).send()
    assert caught.value.outcome_known
    assert not server.mails


@pytest.mark.parametrize("does", ["drop", "hang", "nonsense", "199 what"])
@pytest.mark.parametrize(("at", "taken"), [("message", 0), ("accepted", 1)])
def test_a_line_that_is_lost_after_the_message_leaves_a_doubt(line, serve, at, taken, does):
    server = serve(Security.UPGRADED)
    server.faults.append(SmtpFault(at=at, does=does))
    with pytest.raises((OutcomeUnknownError, UnexpectedResponseError)) as caught:
        line(server, timeout=0.5 if does == "hang" else 5.0).send()
    assert not caught.value.outcome_known
    assert len(server.mails) == taken


def test_where_nobody_listens_nothing_is_sent(line, serve):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnavailableError) as caught:
        line(serve(), url=f"smtp://127.0.0.1:{port}").send()
    assert caught.value.retryable


def test_time_that_is_over_is_over_everywhere(line, serve):
    server = serve()
    with pytest.raises(UnavailableError):
        line(server, timeout=1e-9).send()


def test_an_email_larger_than_the_server_takes_is_not_sent(line, serve):
    server = serve(features=("SIZE 1000",))
    with pytest.raises(InvalidRequestError) as caught:
        line(server).send(text="x" * 1000)
    assert caught.value.field == "message"
    assert not any(one.startswith("MAIL") for one in server.commands)


@pytest.mark.parametrize("features", [("8BITMIME", "SIZE"), ("SIZE 1000000",), ()])
def test_bytes_are_sent_as_the_server_can_take_them(line, serve, features):
    server = serve(features=features)
    line(server).send(text="Grüße\n.\n..\n")
    (mail,) = server.mails
    assert mail.message.isascii() is ("8BITMIME" not in features)
    assert ("BODY=8BITMIME" in mail.options) is ("8BITMIME" in features)
    assert ("SIZE=" in mail.options) is bool(features)
    assert mail.parsed.get_content().replace("\r\n", "\n") == "Grüße\n.\n..\n"


def test_dots_at_the_beginning_of_lines_are_doubled():
    assert dotted(b"a\r\n.b\r\n..\r\n") == b"a\r\n..b\r\n...\r\n.\r\n"


def test_extras_are_refused(line, serve):
    server = serve()
    with pytest.raises(UnsupportedError):
        line(server).send(extra={"x": 1})
    assert not server.connections


def test_a_forked_child_has_a_line_of_its_own(serve, line, forked):
    server = serve()
    driver = line(server)
    driver.send()

    def child():
        return driver.send(key="send:child").id

    assert forked(child)
    driver.send(key="send:parent")
    assert len(server.mails) == 3
    assert server.connections == 3


def said(server, *lines):
    """The replies' codes to these lines, of a server that is spoken to by hand."""
    with socket.create_connection(("127.0.0.1", server.port), 5) as sock:
        talk = sock.makefile("rwb", buffering=0)
        codes = [talk.readline()[:3]]
        for one in lines:
            talk.write(one if isinstance(one, bytes) else f"{one}\r\n".encode())
            reply = talk.readline()
            while reply[3:4] == b"-":
                reply = talk.readline()
            codes.append(reply[:3])
    return [int(one) for one in codes[1:]]


HEAD = "Date: x\r\nFrom: x\r\nMessage-ID: x\r\nMIME-Version: 1.0\r\n\r\n"
MAIL = ("EHLO [::1]", "MAIL FROM:<a@shop.example>", "RCPT TO:<a@b.example>", "DATA")


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("what",), 502),
        (("EHLO me",), 501),
        (("EHLO [::1]", "STARTTLS"), 503),
        (("AUTH PLAIN x",), 504),
        (("MAIL FROM:<a@shop.example>",), 530),
        (("EHLO [::1]", "MAIL FROM:a@shop.example"), 501),
        (("EHLO [::1]", "MAIL FROM:<a@other.example>"), 550),
        (("RCPT TO:<a@b.example>",), 503),
        (("DATA",), 503),
        ((b"NOOP\n",), 500),
        (("x" * 513,), 500),
        ((*MAIL, "x\r\n."), 554),
        ((*MAIL, HEAD + "a\nb\r\n."), 554),
        ((*MAIL, HEAD + "x" * 999 + "\r\n."), 554),
        ((*MAIL, HEAD + "ü\r\n."), 554),
        ((*MAIL, HEAD + "..\r\n."), 250),
    ],
)
def test_the_fake_is_strict(serve, lines, code):
    assert said(serve(auth=""), *lines)[-1] == code


def test_the_fake_wants_base64(serve):
    assert said(serve(), "EHLO [::1]", "AUTH PLAIN !")[-1] == 501


@pytest.mark.parametrize("at", ["EHLO", "DATA"])
def test_a_server_that_hangs_up_between_two_steps_has_done_nothing(line, serve, at):
    server = serve()
    take = server.struck

    def struck(step):
        if step == at:
            said = "250-fake\r\n250 AUTH PLAIN" if at == "EHLO" else "354 go on"
            for one in tuple(server._open):
                one.sendall(f"{said}\r\n".encode())
                one.shutdown(socket.SHUT_RDWR)
        return take(step)

    server.struck = struck
    with pytest.raises((UnavailableError, OutcomeUnknownError)):
        line(server).send()
    assert not server.mails


def test_a_full_mailbox_is_told_from_one_that_is_not_there(line, serve):
    server = serve()
    server.faults.append(SmtpFault(at="RCPT", does="552 5.2.2 full"))
    (full, taken) = line(server).send(to=(address(TO), address("bob@b.example"))).deliveries
    assert (full.status, full.failure) == (DeliveryStatus.REJECTED, EmailFailure.MAILBOX)
    assert taken.status is DeliveryStatus.QUEUED


def test_a_large_message_is_made_in_a_thread(line, serve):
    server = serve()
    line(server).send(attachments=(Attachment(name="a.bin", content=bytes(500_000)),))
    (attached,) = server.mails[0].parsed.iter_attachments()
    assert attached.get_content() == bytes(500_000)


def test_a_server_that_does_not_say_goodbye_has_the_email_all_the_same(line, serve):
    server = serve()
    server.faults.append(SmtpFault(at="QUIT", does="drop"))
    assert line(server).send().id


def test_events_are_for_others(serve):
    settings = Smtp(url=Secret.value(serve().url))
    driver = SmtpEmail(BlockingSmtp(settings), settings)
    with pytest.raises(UnsupportedError):
        driver.parse_events(b"[]")


def test_a_process_may_be_told_what_to_do_first(line, serve):
    server, seen = serve(), []
    server.faults.append(SmtpFault(at="MAIL", first=lambda: seen.append(1)))
    assert line(server).send().id
    assert seen == [1]
