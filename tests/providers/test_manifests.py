"""What holds for every manifest and every table of codes."""

import pytest

from hardpoint.core.providers import every_name, load, provider

NAMES = every_name()


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_names_what_is_there(name: str) -> None:
    one = provider(name)
    references = [
        one.webhooks,
        one.settings,
        one.errors,
        one.fake,
        one.fake_server,
        one.file_server,
        one.identity,
    ]
    references += [one.login, one.connect, *one.ports.values()]
    references += [shell for shells in one.effects.values() for shell in shells]
    assert all(load(reference) is not None for reference in references if reference)


@pytest.mark.parametrize("name", [one for one in NAMES if provider(one).errors])
def test_every_code_is_explained(name: str) -> None:
    for known in load(provider(name).errors or "").known.values():
        assert known.meaning.endswith(".")
        assert known.action.endswith(".")
