"""Fixtures of the system tests: everything in them is real, only the hardware is virtual."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Broker, broker, mosquitto, rumqttd  # noqa: F401
from tests.system.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]) -> Iterator[Stage]:  # noqa: F811
    """A set-up box on the embedded broker; the test plays host and people."""
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image) as ready:
        yield ready
