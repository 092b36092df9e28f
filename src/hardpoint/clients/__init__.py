"""Clients of any third party, by configuration alone: `hub.rest("crm")` and what goes with it."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.clients.rest.answers import RestAnswer as RestAnswer
    from hardpoint.clients.rest.api import RestClient as RestClient
    from hardpoint.clients.rest.driver import RestDriver as RestDriver
    from hardpoint.clients.rest.iterating import RestPages as RestPages
    from hardpoint.clients.rest.iterating import RestStream as RestStream
    from hardpoint.clients.rest.paging import Paging as Paging
    from hardpoint.clients.rest.paging import RestPage as RestPage
    from hardpoint.clients.rest.paging import by as by
    from hardpoint.clients.rest.paging import cursor as cursor
    from hardpoint.clients.rest.paging import link as link
    from hardpoint.clients.rest.paging import offset as offset
    from hardpoint.clients.rest.paging import page as page
    from hardpoint.clients.rest.requests import RestRequest as RestRequest
    from hardpoint.clients.rest.settings import RestSettings as RestSettings
    from hardpoint.http.quotas import QuotaNews as QuotaNews
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.clients.rest.answers": ("RestAnswer",),
            "hardpoint.clients.rest.api": ("RestClient",),
            "hardpoint.clients.rest.driver": ("RestDriver",),
            "hardpoint.clients.rest.iterating": ("RestPages", "RestStream"),
            "hardpoint.clients.rest.paging": (
                "Paging",
                "RestPage",
                "by",
                "cursor",
                "link",
                "offset",
                "page",
            ),
            "hardpoint.clients.rest.requests": ("RestRequest",),
            "hardpoint.clients.rest.settings": ("RestSettings",),
            "hardpoint.http.quotas": ("QuotaNews",),
        },
    )
