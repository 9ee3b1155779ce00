"""The box's time. The tests themselves are in vm/clock_cases.py and run on the real VM."""

import ast
from pathlib import Path

import pytest

from tests import vms

SCRIPT = Path(__file__).parent / "vm" / "clock_cases.py"
NAMES = [node.name for node in ast.parse(SCRIPT.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
CASES = [name for name in NAMES if name.startswith("test_")]


@pytest.mark.parametrize("name", CASES)
def test_clock(name: str, compiled_modules: tuple[Path, ...]) -> None:
    vms.run_unix(SCRIPT, args=[name], modules=compiled_modules).checked()
