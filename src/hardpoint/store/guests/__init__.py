"""Several processes on one store file: one owns it, the others hand over what they accept.

`shared` is what the hub uses. `keeper` decides which of the two this process is, `ranks` which had
better own it. `server` is the owner's end of the socket between them, `outbox` and `asks` the
guests'. `frames` is what they say, `lines` how it is carried.
"""

from hardpoint.store.guests.crew import Rank
from hardpoint.store.guests.shared import SharedStore

__all__ = ["Rank", "SharedStore"]
