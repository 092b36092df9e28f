"""A script that welcomes a customer by a template of Postmark's, once, however often it is run.

export POSTMARK_SERVER_TOKEN=POSTMARK_API_TEST
python welcome.py ann@customer.example Ann
python welcome.py ann@customer.example Ann
"""

import sys

from hardpoint.sync import Hub

hub = Hub.load("hardpoint.toml")


def welcome(to: str, name: str) -> str:
    """The email's id; a second run is given that of the first."""
    email = hub.email("mail").send(
        to=to,
        template="welcome",
        variables={"name": name},
        idempotency_key=f"welcome-{to}",
    )
    return str(email.id)


if __name__ == "__main__":
    with hub:
        sys.stdout.write(f"{welcome(*sys.argv[1:3])}\n")
