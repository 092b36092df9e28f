"""Microsoft Teams: messages to a channel or a chat, by the address of a workflow."""

from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_base_url
from hardpoint.providers.msteams.address import WorkflowAddress

PROVIDER = Provider(
    name="msteams",
    title="Microsoft Teams",
    tokens=(
        "msteams",
        "microsoft",
        "x-ms-workflow",
        "adaptivecard",
        "logic.azure",
        "powerplatform",
    ),
    docs="https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook",
    verified="2026-12-01",
    verified_by="published excerpts of its pages",
    settings="hardpoint.providers.msteams:MicrosoftTeams",
    ports={"chat": "hardpoint.providers.msteams.chat:TeamsChat"},
    errors="hardpoint.providers.msteams.errors:ERRORS",
    fake="hardpoint.providers.msteams.fake:FakeTeams",
    starter="hardpoint.providers.msteams:starter",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrosoftTeams:
    """One workflow, "Post to a channel when a webhook request is received".

    Args:
        webhook_url: its address, with its signature. It is a secret: whoever has it can post.
        base_url: an address on loopback in place of the workflow's host, for a fake.

    Raises:
        ConfigurationError: it is no address of a workflow, or `base_url` is not on loopback.
    """

    webhook_url: Secret
    base_url: str | None = None

    def __post_init__(self) -> None:
        self.address()
        if self.base_url is not None:
            try:
                checked_base_url(self.base_url, ())
            except ConfigurationError as error:
                raise ConfigurationError(
                    "base_url", error.problem, fix="Leave it out, or name a fake on loopback"
                ) from None

    def address(self) -> WorkflowAddress:
        """The credential."""
        return WorkflowAddress(self.webhook_url, self.base_url)
