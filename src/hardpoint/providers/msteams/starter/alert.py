"""A script that tells a channel of Teams that something is wrong.

export TEAMS_WEBHOOK=https://...the address of your workflow
python alert.py "Payouts are late"
"""

import sys

from hardpoint.chat import bold
from hardpoint.sync import Hub

hub = Hub.load("hardpoint.toml")


def alert(what: str) -> None:
    """Whatever the text says, it stays text, and mentions nobody."""
    hub.chat("ops").post([bold("Alert: "), what])


if __name__ == "__main__":
    with hub:
        alert(sys.argv[1])
