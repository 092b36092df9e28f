"""Tells a channel that payouts are late, once a day however often it runs, then that they are not.

python alert.py hardpoint.toml 2026-12-01 "Ann *Lee*" "<@everyone> GmbH"
"""

import sys

from hardpoint.chat import Reaction, bold, bullets, link
from hardpoint.sync import Hub


def main(configuration: str, day: str, *customers: str) -> None:
    """Posts under a key that names the day: a second run finds what the first has posted."""
    with Hub.load(configuration) as hub:
        chat = hub.chat("ops")
        text = [
            bold(f"Payouts of {day} are late"),
            ": ",
            link("look", f"https://shop.example/payouts/{day}"),
            bullets(*customers),  # whatever customers call themselves stays text
        ]
        post = chat.post(text, idempotency_key=f"payouts-late-{day}")
        chat.upload("payouts.csv", "\n".join(customers).encode(), thread=post.id)
        chat.react(post.id, Reaction.SEEN)
        chat.edit(post.id, [bold(f"Payouts of {day} were late"), " and have left."])
        print(post.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
