from collections.abc import Iterator
from pathlib import Path

import pytest

from hardpoint.core import providers
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider, load, provider, provider_names, service_names


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path, where a test may install a package of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    providers._installed.cache_clear()
    yield tmp_path
    providers._installed.cache_clear()


def install(folder: Path, package: str, source: str, *entries: str) -> None:
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text(source)
    information = folder / f"{package}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "\n".join(entries)
    (information / "entry_points.txt").write_text(f"[hardpoint.providers]\n{lines}\n")


ACME = """
from hardpoint.core.providers import Provider
PROVIDER = Provider(name="acme", title="Acme", tokens=("acme",), contract=1)
"""


def test_the_built_in_providers_are_the_folders() -> None:
    folder = Path(providers.__file__).parent.parent / "providers"
    expected = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert expected <= set(provider_names())
    assert list(provider_names()) == sorted(provider_names())


@pytest.mark.parametrize("name", provider_names())
def test_each_manifest_bears_the_name_it_is_found_by(name: str) -> None:
    manifest = provider(name)
    assert isinstance(manifest, Provider)
    assert manifest.name == name


@pytest.mark.parametrize("name", service_names())
def test_a_service_bears_the_name_it_is_found_by(name: str) -> None:
    manifest = provider(name)
    assert manifest.name == name
    for reference in (manifest.settings, manifest.errors, manifest.fake, *manifest.ports.values()):
        assert reference is None or load(reference)


@pytest.mark.parametrize(
    ("name", "fix"), [("aws.nothing", "aws.sqs"), ("github.nothing", "Known: github")]
)
def test_a_service_that_is_not_there_is_named(name: str, fix: str) -> None:
    with pytest.raises(ConfigurationError, match="is not known") as caught:
        provider(name)
    assert fix in str(caught.value.fix)


def test_an_installed_package_adds_a_provider(installed: Path) -> None:
    install(installed, "hardpoint_acme", ACME, "acme = hardpoint_acme")
    assert "acme" in provider_names()
    assert provider("acme").title == "Acme"


def test_an_installed_package_cannot_take_a_built_in_providers_place(installed: Path) -> None:
    built_in = provider_names()[0]
    install(installed, "hardpoint_evil", ACME, f"{built_in} = hardpoint_evil")
    assert provider(built_in).name == built_in


def test_an_installed_name_outside_the_grammar_is_not_listed(installed: Path) -> None:
    install(installed, "hardpoint_odd", ACME, "Odd-Name = hardpoint_odd")
    assert "Odd-Name" not in provider_names()


@pytest.mark.parametrize(
    ("contract", "problem", "fix"),
    [
        ("", "does not say which contract", "Write contract=1"),
        (", contract=2", "written for contract 2; this hardpoint has 1", "a newer hardpoint"),
    ],
)
def test_a_package_of_another_contract_is_refused_with_the_remedy(
    installed: Path, contract: str, problem: str, fix: str
) -> None:
    package = f"hardpoint_other{len(contract)}"
    source = ACME.replace(", contract=1", contract)
    install(installed, package, source, f"acme = {package}")
    with pytest.raises(ConfigurationError, match=problem) as caught:
        provider("acme")
    assert fix in (caught.value.fix or "")


def test_a_newer_hub_says_what_a_package_has_to_change(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(installed, "hardpoint_older", ACME, "acme = hardpoint_older")
    monkeypatch.setattr(providers, "CONTRACT", 3)
    assert provider("acme").title == "Acme", "nothing that it has to change"
    changes = {2: "`send` takes `headers` too", 3: "Name `fake` in PROVIDER"}
    monkeypatch.setattr(providers, "CONTRACT_CHANGES", changes)
    with pytest.raises(
        ConfigurationError, match="written for contract 1; this hardpoint has 3"
    ) as e:
        provider("acme")
    assert e.value.fix == (
        "`send` takes `headers` too. Name `fake` in PROVIDER. Then write contract=3 in its PROVIDER"
    )


def test_a_package_that_cannot_be_imported_harms_nobody_else(installed: Path) -> None:
    source = ACME.replace("contract=1", "invented=1")
    install(installed, "hardpoint_broken", source, "acme = hardpoint_broken")
    with pytest.raises(ConfigurationError, match="hardpoint_broken cannot be imported: TypeError"):
        provider("acme")
    assert provider(provider_names()[-1])


def test_a_package_without_a_manifest_is_refused(installed: Path) -> None:
    install(installed, "hardpoint_bare", "PROVIDER = 'bare'", "bare = hardpoint_bare")
    with pytest.raises(ConfigurationError, match="declares no PROVIDER"):
        provider("bare")


@pytest.mark.parametrize("name", ["", "nobody", "os", "../x", "ACME", "a.b", "\u0661", "acme\n"])
def test_an_unknown_name_is_refused_before_anything_is_imported(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        provider(name)
    assert (caught.value.fix or "").startswith("Known: ")


def test_a_reference_loads_the_object_it_names() -> None:
    assert load("hardpoint.core.providers:Provider") is Provider


def test_both_refusals_of_a_provider_say_what_it_is_for():
    from hardpoint.hub.connections import _settings_class
    from hardpoint.webhooks.verification import scheme

    said = []
    for ask in (lambda: scheme("microsoft", secrets=["x"]), lambda: _settings_class("microsoft")):
        with pytest.raises(ConfigurationError) as caught:
            ask()
        said.append(str(caught.value).partition(": it ")[2])
    assert said[0] == said[1]
    assert "signing in" in said[0]
    assert Provider(name="x", title="X").serves() == "is for nothing yet"
