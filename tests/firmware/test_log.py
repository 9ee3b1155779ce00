"""The box's log on a real littlefs. The tests themselves are in vm/log_*.py and run on the MicroPython VM."""

import ast
from pathlib import Path

import pytest

from tests import vms

VM = Path(__file__).parent / "vm"
RAM_DISK_HEAP_KIB = 16 * 1024  # the chip's image lives in the heap here


def _cases(script: str) -> list[str]:
    """The names of a script's test functions."""
    tree = ast.parse((VM / script).read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def _passes(script: str, name: str, modules: tuple[Path, ...]) -> None:
    vms.run_unix(VM / script, args=[name], modules=(*modules, VM), heap_kib=RAM_DISK_HEAP_KIB).checked()


@pytest.mark.parametrize("name", _cases("log_cases.py"))
def test_log(name, compiled_modules):
    _passes("log_cases.py", name, compiled_modules)


@pytest.mark.parametrize("name", _cases("log_cuts.py"))
def test_log_through_power_cuts(name, compiled_modules):
    _passes("log_cuts.py", name, compiled_modules)


def test_long_log_is_written_read_searched_and_pruned_in_the_boards_heap(compiled_modules, tmp_path):
    args = [str(tmp_path / "flash.img")]
    vms.run_unix(VM / "log_heap.py", args=args, modules=(*compiled_modules, VM)).checked()


@pytest.mark.parametrize("name", _cases("log_faults.py"))
def test_log_on_failing_flash(name, compiled_modules):
    _passes("log_faults.py", name, compiled_modules)
