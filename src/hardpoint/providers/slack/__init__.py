"""Slack: signing in, and apps installed in workspaces."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="slack",
    title="Slack",
    tokens=("slack", "xoxb-", "xoxp-"),
    docs="https://docs.slack.dev/authentication/installing-with-oauth",
    login="hardpoint.providers.slack.oauth:LOGIN",
    connect="hardpoint.providers.slack.oauth:CONNECT",
)
