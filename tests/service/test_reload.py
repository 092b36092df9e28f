import asyncio
import os
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.hub.reloading import ConfigurationRefused
from hardpoint.service.reload import Reloader


class Configuration:
    """Files, and what reading them comes to."""

    def __init__(self, folder: Path) -> None:
        self.main = folder / "hardpoint.toml"
        self.secret = folder / "secret"
        self.main.write_text("one")
        self.secret.write_text("s")
        self.files = [self.main]
        self.loaded: list[str] = []
        self.told: list[object] = []
        self.reloader = Reloader(
            self.reload, lambda: self.files, listeners=Listeners(self.told.append), poll=0.01
        )

    async def reload(self) -> None:
        text = self.main.read_text()
        if text == "bad":
            raise ConfigurationError("webhooks.billing", "is wrong")
        if text == "worse":
            raise RuntimeError("a secret: hunter2")
        self.files = [self.main, self.secret]
        self.loaded.append(text)

    def look(self) -> bool:
        return asyncio.run(self.reloader.check())


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return Configuration(tmp_path)


def test_nothing_is_read_while_nothing_changes(configuration):
    assert not configuration.look()
    assert not configuration.look()
    assert configuration.loaded == []


def test_a_changed_file_is_read_once(configuration):
    configuration.main.write_text("second")
    assert configuration.look()
    assert not configuration.look()
    assert configuration.loaded == ["second"]


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_read(configuration, tmp_path):
    before = configuration.main.stat()
    (tmp_path / "new").write_text("two")
    os.utime(tmp_path / "new", ns=(before.st_mtime_ns, before.st_mtime_ns))
    (tmp_path / "new").replace(configuration.main)
    assert configuration.look()
    assert configuration.loaded == ["two"]


def test_files_that_a_new_configuration_names_are_watched_from_then_on(configuration):
    configuration.secret.write_text("not watched yet")
    assert not configuration.look()
    configuration.main.write_text("second")
    assert configuration.look()
    assert not configuration.look()
    configuration.secret.write_text("rotated")
    assert configuration.look()
    assert not configuration.look()


def test_a_request_reads_it_even_unchanged(configuration):
    configuration.reloader.request()
    assert configuration.look()
    assert not configuration.look()
    assert configuration.loaded == ["one"]


def test_a_bad_version_is_refused_told_once_and_forgotten_when_put_right(configuration):
    configuration.main.write_text("bad")
    assert configuration.look()
    assert not configuration.look()
    refusal = ConfigurationRefused(problem="webhooks.billing: is wrong")
    assert configuration.told == [refusal]
    assert configuration.reloader.problem == refusal.problem
    configuration.main.write_text("good")
    assert configuration.look()
    assert configuration.reloader.problem is None
    assert configuration.loaded == ["good"]


def test_an_error_that_is_not_ours_is_told_by_its_class_alone(configuration):
    configuration.main.write_text("worse")
    assert configuration.look()
    assert configuration.reloader.problem == "it cannot be read (RuntimeError)"
    assert "hunter2" not in repr(configuration.told)


def test_a_file_that_vanishes_and_comes_back_is_read(configuration):
    configuration.main.unlink()
    assert configuration.look()
    assert configuration.reloader.problem is not None
    configuration.main.write_text("back")
    assert configuration.look()
    assert configuration.loaded == ["back"]


def test_it_looks_now_and_then_and_at_once_when_asked(configuration):
    async def scenario() -> None:
        watching = asyncio.create_task(configuration.reloader.run())
        async with asyncio.timeout(10):
            configuration.main.write_text("second")
            while configuration.loaded != ["second"]:
                await asyncio.sleep(0.001)
            configuration.reloader.request()
            while configuration.loaded != ["second", "second"]:
                await asyncio.sleep(0.001)
        watching.cancel()

    asyncio.run(scenario())
