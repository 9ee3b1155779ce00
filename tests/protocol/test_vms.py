"""MicroPython reads what CPython reads, and the largest roster fits a box's memory."""

import subprocess
import sys
from pathlib import Path

import pytest
from sealwire import cbor, limits, messages, roster
from vectors import world

from tests import vms
from tests.protocol import corpus, largest

_VM = Path(__file__).parent / "vm"
_SITE = world.SITE.hex()


@pytest.fixture(scope="module")
def corpus_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("corpus") / "inputs.txt"
    file.write_text("".join(f"{kind} {data.hex()}\n" for kind, data in corpus.inputs(2000)))
    return file


@pytest.fixture(scope="module")
def on_cpython(corpus_file):
    command = [sys.executable, str(_VM / "read_corpus.py"), str(corpus_file), _SITE]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def test_corpus_has_good_and_bad_inputs_of_many_reasons(on_cpython):
    assert len(on_cpython) == 2000
    reasons = {line for line in on_cpython if line.replace("_", "").isalpha()}
    assert len(reasons) > 15
    assert sum(line in reasons for line in on_cpython) < 1800


def test_64_bit_micropython_reads_what_cpython_reads(corpus_file, on_cpython, compiled_modules):
    done = vms.run_unix(_VM / "read_corpus.py", args=[str(corpus_file), _SITE], modules=compiled_modules)
    assert done.checked().splitlines() == on_cpython


def test_32_bit_micropython_reads_what_cpython_reads(corpus_file, on_cpython):
    done = vms.run_wasm(_VM / "read_corpus.py", args=[str(corpus_file), _SITE], files=[corpus_file])
    assert done.checked().splitlines() == on_cpython


def _count(value):
    inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    if inside is None:
        return (0, 0)
    counts = [_count(item) for item in inside]
    return (len(inside) + sum(items for items, _ in counts), 1 + sum(containers for _, containers in counts))


def test_largest_roster_fits_message_items_and_containers():
    raw = largest.message()
    assert len(raw) <= limits.MESSAGE
    fields = messages.read(raw, world.SITE).fields
    assert sum(len(person["keys"]) for person in fields["people"]) == limits.KEYS
    items, containers = _count(cbor.decode(messages.payload(messages.ROSTER, fields)))
    assert (items, containers) <= (limits.ITEMS, limits.CONTAINERS)


def test_largest_roster_holds_together_but_for_its_shared_matters():
    fields = largest.roster()
    roster.check_roster(fields)
    assert sum(len(rule["matters"]) for rule in fields["rules"]) == limits.MATTERS


def test_largest_roster_is_read_within_a_boxs_heap(tmp_path, compiled_modules):
    file = tmp_path / "roster.bin"
    file.write_bytes(largest.message())
    done = vms.run_unix(_VM / "read_largest.py", args=[str(file), _SITE], modules=compiled_modules)
    print(done.stdout)
    assert done.checked().endswith(f"people {limits.PEOPLE}\n")


@pytest.mark.parametrize("piece", [b"\x80", b"\xa0", b"\x41a", b"\x61a", b"\x40"], ids=bytes.hex)
def test_payload_of_many_small_items_leaves_a_box_with_memory(piece, tmp_path, compiled_modules):
    """Before any signature is checked, whoever may publish can send this; it must end in a refusal."""
    script = tmp_path / "read_many.py"
    script.write_text(
        "from sealwire import cbor, errors\n"
        f"piece = {piece!r}\n"
        "for size in (64, 255, 256, 1000, 1152, 1153, 4000, 8000):\n"
        "    try:\n"
        "        data = cbor.head(4, size) + piece * size\n"
        "        cbor.decode(data[:8192], lazily=True)\n"
        "    except errors.DecodeError as error:\n"
        "        print(size, error.name)\n"
        "print('alive')\n"
    )
    output = vms.run_unix(script, modules=compiled_modules).checked()
    assert output.endswith("8000 too_many_items\nalive\n")
