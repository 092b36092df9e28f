"""A script that keeps a board of open deals, as an API tells of them.

CRM_KEY=... python board.py
"""

import json
from pathlib import Path

from hardpoint.clients import Gap
from hardpoint.sync import Hub

BOARD = Path("board.json")

hub = Hub.load("hardpoint.toml")
crm = hub.rest("crm")


def follow() -> None:
    """Keep the board until the API ends the stream; start it again, and it goes on where it was."""
    board = json.loads(BOARD.read_text()) if BOARD.exists() else {"last": "", "deals": {}}
    with crm.events("/deals/stream", last_id=board["last"]) as events:
        for event in events:
            if isinstance(event, Gap):
                deals = crm.get("/deals", into=list[dict])
                board["deals"] = {str(deal["id"]): deal["name"] for deal in deals}
            else:
                deal = event.json()
                if event.name == "closed":
                    board["deals"].pop(str(deal["id"]), None)
                else:
                    board["deals"][str(deal["id"])] = deal["name"]
                board["last"] = event.id
            BOARD.write_text(json.dumps(board))


if __name__ == "__main__":
    with hub:
        follow()
