"""Fixtures for every room of the tests."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import vms

# How long an example takes says nothing on a shared machine, so no deadline decides a test.
settings.register_profile("sealbox", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sealbox")


@pytest.fixture(scope="session")
def compiled_modules() -> tuple[Path, ...]:
    """Module folders with the firmware and sealwire as .mpy, freshly built: what `vms.run_unix(modules=...)` takes."""
    return vms.compiled_modules()


@pytest.fixture(scope="session")
def firmware_image() -> tuple[Path, ...]:
    """The whole firmware as a board runs it, freshly built: what `VirtualBox(modules=...)` takes."""
    return vms.firmware_image()
