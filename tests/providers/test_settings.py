"""The settings of each vendor: what they take, and what they refuse by its name.

They are those of the fake's account, changed as the rows of `settings.json` in the vendor's folder
say.
"""

from importlib import import_module

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import provider
from hardpoint.fakes.vendors import facts_of, fake, fake_names
from hardpoint.testing.conformance.served import driver_of, settings_of


def module_of(vendor):
    return import_module(provider(vendor).settings.partition(":")[0])


VENDORS = fake_names()
BASED = [
    name
    for name in VENDORS
    if facts_of(fake(name)).address == "base_url" and hasattr(module_of(name), "HOST")
]
"""Those with a host of their own; the others' is part of what is secret."""


def changed(vendor, **changes):
    return settings_of(fake(vendor), **changes)


@pytest.mark.parametrize("vendor", VENDORS)
def test_secrets_are_not_shown(vendor):
    made = changed(vendor)
    names = {
        name for name in type(made).__dataclass_fields__ if hasattr(getattr(made, name), "reveal")
    }
    assert names
    assert not [name for name in names if getattr(made, name).reveal() in repr(made)]


@pytest.mark.rows
def test_what_can_work_is_taken(vendor, changes, facts):
    made = changed(vendor, **changes)
    assert {name: getattr(made, name) for name in facts} == facts


@pytest.mark.rows
def test_what_cannot_work_is_named(vendor, changes, key):
    with pytest.raises(ConfigurationError) as caught:
        changed(vendor, **changes)
    assert caught.value.key == key
    assert caught.value.fix
    for value in changes.values():
        assert len(str(value)) < 4 or str(value) not in caught.value.problem


@pytest.mark.parametrize("vendor", BASED)
@pytest.mark.parametrize("form", ["https://elsewhere.example", "http://{}", "https://u@{}"])
def test_credentials_go_to_no_other_host(vendor, form):
    host = module_of(vendor).HOST
    with pytest.raises(ConfigurationError, match="base_url"):
        driver_of(fake(vendor), None, form.format(host))
    assert changed(vendor).base_url == f"https://{host}"
