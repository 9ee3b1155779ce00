"""What the box says fits its display: every state, on the real VM, with the box's own drawing."""

import ast
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests import vms

ROOT = vms.ROOT
SCRIPT = Path(__file__).parent / "vm" / "display_rows.py"
CODE = re.compile("[0-9A-Z]{4}-[0-9A-Z]{4}")
GAP = 4  # pixels at least between a request's code and the number at its right


@cache
def screens() -> dict[str, tuple[list[str], list[int], list[str]]]:
    """Each screen's rows, what room they leave, and characters that have no glyph, by its name."""
    printed = vms.run_unix(SCRIPT, modules=vms.compiled_modules(), timeout_s=300).checked()
    return {name: (rows, room, lacking) for name, *(rows, room, lacking) in map(json.loads, printed.splitlines())}


def test_every_row_of_every_screen_fits() -> None:
    assert len(screens()) > 1000
    for name, (rows, room, _) in screens().items():
        assert 2 <= len(rows) <= 4, name
        assert all(pixels >= (GAP if "\t" in row else 0) for row, pixels in zip(rows, room, strict=True)), (name, rows)


def test_every_character_has_a_glyph() -> None:
    assert not {character for _, _, lacking in screens().values() for character in lacking}


def test_every_bay_that_serves_shows_its_request() -> None:
    """Two at most at once; a box with more bays that serve shows them in turn."""
    for name, (rows, _, _) in screens().items():
        if name.startswith("bay"):
            codes = CODE.findall("\n".join(rows))
            expected = 2 if "four bays" in name else name.count("serving")
            assert len(codes) == expected, (name, rows)


def test_both_languages_are_on_every_screen() -> None:
    for name, (rows, _, _) in screens().items():
        text = CODE.sub("", "".join(rows))
        assert re.search("[一-鿿]", text), name
        if not re.search("tampered|four bays", name):  # beside an alarm a bay's state is said in turn
            assert re.search("[a-z]{3}", text), name


def test_alarm_is_said_whatever_the_bays_do() -> None:
    """In turn with nothing but a closing that flash did not take."""
    for name, (rows, _, _) in screens().items():
        if "tampered, turn" in name:
            assert rows[1] == "tampered" or ("serving locked" in name and rows[1] == "log failed"), (name, rows)


def test_all_that_is_wrong_is_said_in_turn() -> None:
    said = {row for name, (rows, _, _) in screens().items() if name.startswith("all at once") for row in rows}
    assert said > {"tampered", "battery low", "clock lost", "log full", "no roster yet", "offline", "on battery"}


def test_open_bay_says_what_is_left_in_both_rows_of_its_number() -> None:
    rows = screens()["bay 1 serving open urgent 0 left 12 of 99 s, bay 2 empty, turn 0"][0]
    assert rows[0].endswith("\t99秒")
    assert rows[1:3] == ["已打开 剩\v12", "open, left\f12"]
    assert screens()["bay 1 serving open urgent 1 left 999 of 590 s, turn 0"][0][0].endswith("\t9:50")


def test_only_rows_that_changed_are_drawn() -> None:
    script = SCRIPT.with_name("screen_cases.py")
    *shown, nothing, woken = vms.run_unix(script, modules=vms.compiled_modules()).checked().splitlines()
    first, again, other, second_less = map(ast.literal_eval, shown)
    assert first == ([0, 1, 2, 3], [["就绪", "ready", "❶已锁 locked", ""]])
    assert again == ([], [])
    assert other == ([0, 1, 2], [["❶0000-0000 9秒", "已打开 剩 2", "open, left 2", ""]])
    assert second_less[0] == [0]
    assert (nothing, woken) == ("False", "True")


def make_glyphs(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(folder / "make_glyphs.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True)


def test_glyphs_are_those_of_the_texts(tmp_path: Path) -> None:
    for name in ("make_glyphs.py", "sealbox/display.py", "sealbox/glyphs.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "firmware" / name, tmp_path / name)
    assert make_glyphs(tmp_path).returncode == 0
    texts = tmp_path / "sealbox" / "display.py"
    texts.write_text(texts.read_text(encoding="utf-8").replace("就绪", "备妥"), encoding="utf-8")
    done = make_glyphs(tmp_path)
    assert done.returncode == 1
    assert "lacks 备妥 and needs not" in done.stdout
