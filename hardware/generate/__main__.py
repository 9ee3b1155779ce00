"""Checks hardware/board.toml and writes what follows from it.

    python -m hardware.generate            write everything, and draw the wiring (graphviz needed)
    python -m hardware.generate --check    compare what is committed, write nothing; drawings are not compared

The exit status is 0 if all is well, 1 if the board is wrong or something is out of date, with one line for each reason.
"""

import argparse
import sys
from pathlib import Path

from hardware.generate import bom, budget, model, netlist, pinmap, rules, wiring

ROOT = Path(__file__).resolve().parents[2]
BOARD = ROOT / "hardware" / "board.toml"
PINS = Path("firmware/sealbox/board/pins.py")
GENERATED = Path("hardware/generated")


def outputs(board: model.Board) -> dict[Path, str]:
    """Every generated file by its path in the repository. Raises BoardError if a rule or the rule check is broken."""
    faults = rules.faults(board)
    if faults:
        raise model.BoardError(faults)
    nets, found = netlist.check(board)
    if found:
        raise model.BoardError([f"electrical rule check: {line}" for line in found])
    files = {
        PINS: pinmap.text(board),
        GENERATED / "bom.csv": bom.text(board),
        GENERATED / "netlist.txt": nets,
        GENERATED / "power.txt": budget.text(board),
    }
    for name, text in wiring.drawings(board).items():
        files[GENERATED / f"{name}.yml"] = text
    return files


def stale(files: dict[Path, str], root: Path) -> list[str]:
    """One line for each file that is missing, differs, or that nothing generates any more."""
    lines = []
    for path, text in files.items():
        there = root / path
        if not there.exists():
            lines.append(f"{path}: missing; run make hardware")
        elif there.read_text(encoding="utf-8") != text:
            lines.append(f"{path}: out of date; run make hardware")
    kept = {root / path for path in files} | {
        root / path.with_suffix(".png") for path in files if path.suffix == ".yml"
    }
    lines += [
        f"{path.relative_to(root)}: nothing generates it"
        for path in sorted((root / GENERATED).glob("*"))
        if path not in kept
    ]
    return lines


def write(files: dict[Path, str], root: Path) -> None:
    """Writes what changed."""
    for path, text in files.items():
        there = root / path
        there.parent.mkdir(parents=True, exist_ok=True)
        if not there.exists() or there.read_text(encoding="utf-8") != text:
            there.write_text(text, encoding="utf-8")


def draw(root: Path) -> None:
    """Draws every wiring diagram as PNG beside its YAML, SVG into build/hardware. Needs graphviz."""
    from PIL import Image
    from wireviz.wireviz import parse

    svg = root / "build" / "hardware"
    svg.mkdir(parents=True, exist_ok=True)
    for source in sorted((root / GENERATED).glob("*.yml")):
        parse(source, output_formats=("png",), output_dir=source.parent, output_name=source.stem)
        picture = source.with_suffix(".png")
        with Image.open(picture) as drawn:
            small = drawn.convert("RGB").quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        small.save(picture, optimize=True)
        parse(source, output_formats=("svg",), output_dir=svg, output_name=source.stem)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hardware.generate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--board", type=Path, default=BOARD, help="another board.toml; it is only checked")
    options = parser.parse_args()
    try:
        board = model.read(options.board)
        files = outputs(board)
    except model.BoardError as error:
        for line in error.faults:
            print(line, file=sys.stderr)
        return 1
    if options.board != BOARD:
        print(f"{options.board}: no fault found")
        return 0
    if options.check:
        lines = stale(files, ROOT)
        for line in lines:
            print(line, file=sys.stderr)
        return 1 if lines else 0
    write(files, ROOT)
    draw(ROOT)
    print(f"{len(files)} files; {len(board.parts)} parts, {bom.total(board)} CNY")
    return 0


if __name__ == "__main__":
    sys.exit(main())
