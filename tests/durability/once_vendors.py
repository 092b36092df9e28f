"""Three vendors in a process of their own, so that their ledgers outlive whom they serve.

Run as `python once_vendors.py FOLDER`. It prints the addresses of a Stripe, a Twilio, and a second
Twilio as JSON, and serves until its input ends. A vendor that finds the file `FOLDER/<name>.strike`
kills the process named in it once it has acted, before it answers.
"""

import json
import os
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from hardpoint.fakes.server import FakeServer
from hardpoint.providers.stripe.fake import FakeStripe
from hardpoint.providers.twilio.fake import FakeTwilio


class Striking:
    """A vendor that may kill its caller between the act and the answer."""

    def __init__(self, vendor, order: Path) -> None:
        self.name, self.ledger = vendor.name, vendor.ledger
        self._vendor, self._order = vendor, order

    def answer(self, request):
        reply = self._vendor.answer(request)
        if request.method == "POST":
            with suppress(FileNotFoundError, ProcessLookupError):
                victim = int(self._order.read_text())
                self._order.unlink()
                os.kill(victim, signal.SIGKILL)
        return reply


def main(folder: str) -> None:
    vendors = {"stripe": FakeStripe(), "texts": FakeTwilio(), "blind": FakeTwilio()}
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(
                FakeServer(Striking(vendor, Path(folder) / f"{name}.strike"))
            ).url
            for name, vendor in vendors.items()
        }
        os.write(1, f"{json.dumps(urls)}\n".encode())
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
