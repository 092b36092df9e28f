"""The reference driver of functions, held to what every driver must do, in both modes."""

import pytest

from hardpoint.functions import FunctionCapability, MemoryFunction
from hardpoint.testing.conformance import FunctionConformance, FunctionSubject


def echo(payload: bytes) -> bytes:
    if payload == b'"fail"':
        raise ValueError("no order")
    return payload


def subject_of(mode, driver):
    return FunctionSubject(
        mode, driver, requests=lambda: driver.requests, begun=lambda: driver.begun
    )


class TestMemory(FunctionConformance):
    @pytest.fixture
    def subject(self, mode):
        return subject_of(mode, MemoryFunction(echo))


class TestPlain(FunctionConformance):
    """A function that can do nothing beside what each can."""

    @pytest.fixture
    def subject(self, mode):
        return subject_of(mode, MemoryFunction(echo, capabilities=frozenset[FunctionCapability]()))
