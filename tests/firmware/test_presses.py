"""Counting presses. The tests themselves are in vm/presses_cases.py and run on both MicroPython VMs."""

import ast
from pathlib import Path

import pytest

from tests import vms

SCRIPT = Path(__file__).parent / "vm" / "presses_cases.py"
NAMES = [node.name for node in ast.parse(SCRIPT.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
CASES = [name for name in NAMES if name.startswith("test_")]


@pytest.mark.parametrize("name", CASES)
def test_presses(name, compiled_modules):
    vms.run_unix(SCRIPT, args=[name], modules=compiled_modules).checked()


def test_presses_with_the_small_integers_of_a_board(compiled_modules):
    vms.run_wasm(SCRIPT).checked()
