"""What is committed is what board.toml gives, and what the firmware and the workshop need stands in it."""

import ast
import csv
import io
import re
import shutil
import subprocess
import sys
from decimal import Decimal

import pytest

from hardware.generate import __main__ as generate
from hardware.generate import bom, harness, model, netlist, pinmap, rules_pins, wiring
from tests.hardware.boards import ROOT, TEXT, planted, rule_check, without


@pytest.fixture(scope="module")
def board() -> model.Board:
    return model.parse(TEXT)


def test_generated_files_are_up_to_date(board):
    assert generate.stale(generate.outputs(board), ROOT) == []


def test_a_changed_or_stray_or_missing_file_is_named(board, tmp_path):
    files = generate.outputs(board)
    generate.write(files, tmp_path)
    assert generate.stale(files, tmp_path) == []
    (tmp_path / generate.PINS).write_text("GATE = (1, 2)\n")
    (tmp_path / "hardware/generated/bom.csv").unlink()
    (tmp_path / "hardware/generated/old.yml").write_text("")
    assert generate.stale(files, tmp_path) == [
        "firmware/sealbox/board/pins.py: out of date; run make hardware",
        "hardware/generated/bom.csv: missing; run make hardware",
        "hardware/generated/old.yml: nothing generates it",
    ]


def test_generation_gives_the_same_bytes_in_every_process():
    script = (
        "import hashlib; from pathlib import Path; from hardware.generate import __main__ as g, model;"
        "files = g.outputs(model.read(Path('hardware/board.toml')));"
        "print(hashlib.sha256(repr(sorted((str(k), v) for k, v in files.items())).encode()).hexdigest())"
    )
    digests = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            check=True,
            capture_output=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_generating_leaves_no_file_behind(board):
    before = sorted(ROOT.glob("*"))
    netlist.check(board)
    assert sorted(ROOT.glob("*")) == before


def test_pin_map_has_every_signal_that_the_firmware_needs(board):
    names = {
        target.id: ast.unparse(node.value)
        for node in ast.parse(pinmap.text(board)).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert set(rules_pins.SIGNALS) <= set(names)
    for signal in board.signals:
        value = names[signal.name]
        assert [int(pin) for pin in re.findall(r"\d+", value)] == list(signal.gpios)
    assert names["BAYS"] == "const(2)"
    assert names["DRIVEN_AT_ONCE"] == "const(1)"


def test_pins_used_by_the_board_layer_are_all_in_the_map(board):
    source = (ROOT / "firmware/sealbox/board/esp32s3.py").read_text(encoding="utf-8")
    used = set(re.findall(r"\bpins\.([A-Z][A-Z0-9_]*)", source))
    given = set(re.findall(r"^([A-Z][A-Z0-9_]*) =", pinmap.text(board), re.M))
    assert used <= given
    assert set(rules_pins.SIGNALS) - {"USB_N", "USB_P"} <= used


def test_board_and_firmware_agree_on_travel_time_and_battery(board):
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "firmware/sealbox").glob("*.py"))
    assert f"_TRAVEL_MS = const({board.firmware['shutter_travel_ms']})" in source
    assert f"_BATTERY_LOW_MV = const({board.firmware['battery_low_mv']})" in source


def test_parts_list_adds_up_and_stays_below_the_aim(board):
    rows = list(csv.reader(io.StringIO(bom.text(board))))
    *lines, last = rows[1:]
    assert "estimate 2026-11-22" in rows[0][5]
    assert sum(Decimal(row[6]) for row in lines) == Decimal(last[6]) == bom.total(board)
    assert all(Decimal(row[5]) * int(row[1]) == Decimal(row[6]) for row in lines)
    assert Decimal(last[6]) < board.price_aim
    named = {ref for row in lines for ref in row[0].split()}
    assert named == {part.ref for part in board.parts}


def test_every_wire_joins_two_pins_of_one_net(board):
    for cable in board.cables:
        source = board.part(cable.source)
        assert source is not None
        for pin, target, number in harness.wires(board, cable):
            assert source.nets[pin] == target.nets[number]


def test_wireviz_takes_every_drawing_and_draws_every_part_of_the_housing(board):
    from wireviz.wireviz import parse

    for name, text in wiring.drawings(board).items():
        drawn = parse(text, return_types="harness")
        cables = [cable for cable in board.cables if (f"bay{cable.bay}" if cable.bay else "housing") == name]
        assert set(drawn.cables) == {cable.ref for cable in cables}
        assert {ref for cable in cables for ref in (cable.source, *cable.targets)} == set(drawn.connectors)


def test_drawings_show_every_part_and_colour(board, tmp_path):
    assert shutil.which("dot"), "graphviz is missing: apt-get install graphviz"
    generate.write(generate.outputs(board), tmp_path)
    generate.draw(tmp_path)
    for cable in board.cables:
        name = f"bay{cable.bay}" if cable.bay else "housing"
        drawn = (tmp_path / f"build/hardware/{name}.svg").read_text(encoding="utf-8")
        for word in (cable.ref, cable.source, *cable.targets, *cable.colours):
            assert re.search(rf"[>:]{word}\b", drawn), (name, word)
        assert (tmp_path / f"hardware/generated/{name}.png").stat().st_size < 200_000


def test_a_contact_named_no_stays_text_in_the_drawings(board):
    assert "'NO'" in wiring.drawings(board)["bay1"]


def test_the_rule_check_finds_nothing_on_the_reference_board(board):
    assert netlist.check(board)[1] == []


NETS = [
    (
        "two outputs on one net",
        (
            'nets = { 1 = "3V3", 2 = "BAY{bay}_SEAL_LINE", 3 = "GND" }',
            'nets = { 1 = "3V3", 2 = "LID_LINE", 3 = "GND" }',
        ),
        "LID_LINE",
    ),
    ("a net with one pin, by a slip of the pen", ('2 = "BUTTON" }', '2 = "BUTTN" }'), "BUTTN"),
    ("a supply pin left open", ('2 = "3V3", 5 = "GND", 6 = "VCOIN"', '5 = "GND", 6 = "VCOIN"'), "U6"),
    (
        "a supply that nothing feeds",
        ('nets = { 1 = "VCOIN", 2 = "GND" }', 'nets = { 1 = "VCOINS", 2 = "GND" }'),
        "VCOIN",
    ),
]


@pytest.mark.parametrize(("change", "named"), [case[1:] for case in NETS], ids=[case[0] for case in NETS])
def test_what_only_the_netlist_shows_is_found(change, named):
    found = rule_check(planted(change))
    assert any(named in line for line in found), found


def test_command_names_each_fault_and_fails(tmp_path):
    broken = tmp_path / "board.toml"
    broken.write_text(planted(without("D{bay}01"), without("R{bay}02")), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "hardware.generate", "--check", "--board", str(broken)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()) == [
        "BAY1_GATE: no gate pull-down of 1000 to 100000 ohm to GND",
        "BAY2_GATE: no gate pull-down of 1000 to 100000 ohm to GND",
        "Y101 (solenoid): no flyback diode between BAY1_COIL_N and BAY1_COIL_P",
        "Y201 (solenoid): no flyback diode between BAY2_COIL_N and BAY2_COIL_P",
    ]
