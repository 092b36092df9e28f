"""The dashboard: what came in, what went out, what failed and why, and acting on it safely.

from hardpoint import Hub

hub = Hub.load()
app.mount("/ops", hub.dashboard())
"""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.dashboard.access import DashboardUser as DashboardUser
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.dashboard.access": ("DashboardUser",),
        },
    )
