"""Any GraphQL API by configuration alone: `provider = "graphql"`, and `hub.graphql("shop")`."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="graphql",
    title="Any GraphQL API",
    settings="hardpoint.clients.graphql.settings:GraphQLSettings",
    ports={"graphql": "hardpoint.clients.graphql.driver:GraphQLDriver"},
    fake="hardpoint.clients.graphql.fake:FakeGraphQL",
)
