"""The reference board with faults planted into its text."""

from pathlib import Path

from hardware.generate import model, netlist, rules
from hardware.generate.chip import CHIPS, Chip

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "hardware" / "board.toml").read_text(encoding="utf-8")


def planted(*changes: tuple[str, str]) -> str:
    """The board's text with each change made at every place where its first half stands. Fails if there is none."""
    text = TEXT
    for before, after in changes:
        assert before in text, f"board.toml does not say {before!r} any more"
        text = text.replace(before, after)
    return text


def without(ref: str) -> tuple[str, str]:
    """The change that takes out a part or a cable."""
    for heading in ("[[parts]]", "[[cables]]"):
        for block in TEXT.split(heading)[1:]:
            if block.startswith(f'\nref = "{ref}"\n'):
                return heading + block.partition("\n\n")[0], ""
    raise AssertionError(f"board.toml has no part {ref}")


def faults(text: str, chips: dict[str, Chip] = CHIPS) -> list[str]:
    """What reading and the rules say; empty if nothing."""
    try:
        return rules.faults(model.parse(text, chips=chips))
    except model.BoardError as error:
        return error.faults


def rule_check(text: str) -> list[str]:
    """What SKiDL's electrical rule check says."""
    return netlist.check(model.parse(text))[1]
