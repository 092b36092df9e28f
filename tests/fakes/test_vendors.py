"""Finding fakes by name, and what they say of themselves."""

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import provider, provider_names, service_names
from hardpoint.fakes.vendors import (
    VendorFacts,
    emitter_of,
    facts_of,
    fake,
    fake_names,
    fake_server_names,
)


def test_whoever_has_a_fake_in_its_manifest_can_be_imitated() -> None:
    every = sorted((*provider_names(), *service_names()))
    assert fake_names() == tuple(name for name in every if provider(name).fake)
    assert fake_server_names() == ("smtp",)
    assert {"stripe", "twilio", "aws.sqs", "aws.lambda"} <= set(fake_names())


@pytest.mark.parametrize("name", fake_names())
def test_a_fake_is_built_without_arguments_and_bears_its_providers_name(name: str) -> None:
    app = fake(name)
    assert app.name == name
    assert app.ledger.count() == 0
    emitter = emitter_of(app)
    if emitter is not None:
        emitter.close()


@pytest.mark.parametrize("name", ["nobody", "github", "nobody.sqs", "aws.nothing", "smtp"])
def test_without_a_fake_those_that_have_one_are_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"has no fake.*stripe.*twilio"):
        fake(name)


def test_a_fake_may_say_no_more_than_its_vendor_always_does() -> None:
    assert fake("stripe", optional_fields=False)._optional_fields is False
    with pytest.raises(ConfigurationError, match="the fake of aws always says the same"):
        fake("aws", optional_fields=False)


def test_a_fake_need_not_say_anything_of_itself() -> None:
    class Plain:
        name = "plain"

    assert facts_of(Plain()) == VendorFacts()
    assert emitter_of(Plain()) is None
