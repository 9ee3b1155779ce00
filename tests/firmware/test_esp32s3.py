"""The ESP32-S3's board layer keeps the contract, over stand-ins for the port's own modules, on the real VM.

It has not been tried on a board: what these tests hold is its logic, not the chip's.
"""

import re
from pathlib import Path

import pytest

from tests.vms import run_unix

SCRIPT = Path(__file__).with_name("vm") / "esp32s3_cases.py"
NOT_CASES = ("board", "raises", "told", "run")
CASES = [name for name in re.findall(r"^(?:async )?def (\w+)", SCRIPT.read_text(), re.M) if name not in NOT_CASES]


@pytest.mark.parametrize("case", CASES)
def test_esp32s3(case: str) -> None:
    outcome = run_unix(SCRIPT, args=[case])
    assert f"passed {case}" in outcome.checked()
