"""Any REST API by configuration alone: `provider = "rest"`, and `hub.rest("crm")`."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="rest",
    title="Any REST API",
    settings="hardpoint.clients.rest.settings:RestSettings",
    ports={"rest": "hardpoint.clients.rest.driver:RestDriver"},
    fake="hardpoint.clients.rest.fake:FakeRest",
)
