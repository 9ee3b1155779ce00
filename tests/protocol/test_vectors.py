"""The golden vectors on every VM, and whether they are up to date and complete."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sealwire import errors
from vectors.elsewhere import NOT_OF_THE_WIRE

from tests import vms
from tests.protocol import mutants

_REPLAY = mutants.VECTORS / "replay.py"
_ON_VM = Path(__file__).parent / "vm" / "run_vectors.py"
_FOLDERS = [mutants.VECTORS / "accept", mutants.VECTORS / "reject"]
_MODULES = (*vms.SOURCES, mutants.VECTORS)
_ARGS = [str(folder) for folder in _FOLDERS]
_ROOMY_HEAP_KIB = 1024  # for the JSON text of the vectors; what the wire itself needs is in test_heap.py


def _all_hold(output: str) -> bool:
    return output.endswith(f"{len(mutants.vectors())} vectors, 0 failed\n")


def test_vectors_are_what_the_generator_writes():
    command = [sys.executable, str(mutants.VECTORS / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_vectors_hold_on_cpython():
    done = subprocess.run([sys.executable, str(_REPLAY), *_ARGS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _all_hold(done.stdout)


@pytest.mark.parametrize("compiled", [False, True], ids=["source", "mpy"])
def test_vectors_hold_on_64_bit_micropython(compiled, compiled_modules):
    modules = compiled_modules if compiled else vms.SOURCES
    done = vms.run_unix(_ON_VM, args=_ARGS, modules=(*modules, mutants.VECTORS), heap_kib=_ROOMY_HEAP_KIB)
    assert _all_hold(done.checked())


def test_vectors_hold_on_32_bit_micropython():
    assert _all_hold(vms.run_wasm(_ON_VM, args=_ARGS, modules=_MODULES, files=_FOLDERS).checked())


def test_a_wrong_vector_is_found_on_every_vm(tmp_path):
    vector = json.loads((_FOLDERS[1] / "truncated.json").read_text())
    (tmp_path / "wrong.json").write_text(json.dumps(vector | {"expect": {"ok": 0}}))
    unix = vms.run_unix(_ON_VM, args=[str(tmp_path)], modules=_MODULES, heap_kib=_ROOMY_HEAP_KIB)
    assert (unix.exit_status, unix.stdout.splitlines()[-1]) == (1, "1 vectors, 1 failed")
    wasm = vms.run_wasm(_ON_VM, args=[str(tmp_path)], modules=_MODULES, files=[tmp_path])
    assert (wasm.exit_status, wasm.stdout.splitlines()[-1]) == (1, "1 vectors, 1 failed")
    assert subprocess.run([sys.executable, str(_REPLAY), str(tmp_path)], capture_output=True).returncode == 1


def test_each_reason_has_both_vectors_or_another_room():
    kinds = {folder.name: {path.stem.split("-")[0] for path in folder.glob("*.json")} for folder in _FOLDERS}
    shown = kinds["accept"] & kinds["reject"]
    names = set(errors.names().values())
    assert names - shown == set(NOT_OF_THE_WIRE)
    assert set(NOT_OF_THE_WIRE.values()) <= {"tests/firmware", "tests/host"}


def test_a_rejected_vector_gives_the_reason_it_is_named_after():
    for path in _FOLDERS[1].glob("*.json"):
        vector = json.loads(path.read_text())
        assert vector["expect"] == {"reason": path.stem.split("-")[0]} == {"reason": vector["rule"]}


def test_sealwire_raises_no_reason_of_another_room():
    sources = "".join((mutants.SEALWIRE / f"{module}.py").read_text() for module in mutants.modules())
    assert [name for name in NOT_OF_THE_WIRE if f"errors.{name.upper()}" in sources] == []


def test_names_and_numbers_of_reasons_agree():
    for number, name in errors.names().items():
        assert getattr(errors, name.upper()) == number
        assert errors.name_of(number) == name
    constants = {name for name in vars(errors) if name.isupper() and name not in ("MYPY", "_NAMES")}
    assert constants == {name.upper() for name in errors.names().values()}
    assert errors.name_of(9999) == "unknown_reason"
