"""SMTP, held to what every driver of email must do, in both modes, on a server of our own."""

import pytest

from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.providers.smtp import Smtp
from hardpoint.providers.smtp.email import SmtpEmail
from hardpoint.providers.smtp.fake_server import INVALID, SENDER, SUPPRESSED
from hardpoint.testing.conformance.email import EmailConformance, EmailSubject
from hardpoint.testing.conformance.modes import MODES


class TestSmtp(EmailConformance):
    @pytest.fixture
    def subject(self, request, mode, serve):
        server = serve(features=("SIZE 40000000",))
        settings = Smtp(url=Secret.value(server.url), from_=SENDER)
        shells = provider("smtp").effects["email"]
        shell = load(shells[list(MODES).index(request.node.callspec.params["mode"])])
        return EmailSubject(
            mode,
            SmtpEmail(shell(settings), settings),
            requests=lambda: server.connections,
            invalid=INVALID,
            suppressed=SUPPRESSED,
            carry=lambda *_: None,
            events=list,
        )
