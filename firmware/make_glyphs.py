"""Writes sealbox/glyphs.py: the characters that the box's display needs, from GNU Unifont.

    python firmware/make_glyphs.py            reads /usr/share/unifont/unifont.hex of Debian's package `unifont`
    python firmware/make_glyphs.py --check    fails if a text needs a character that is not there, or none needs one;
                                              where the font is at hand, also if the module is not what it would write

Which characters are needed is read from the texts of sealbox/display.py; ASCII is always there.
"""

import argparse
import ast
import sys
from pathlib import Path

SEALBOX = Path(__file__).resolve().parent / "sealbox"
DISPLAY = SEALBOX / "display.py"
GLYPHS = SEALBOX / "glyphs.py"
FONT = Path("/usr/share/unifont/unifont.hex")
ASCII = [chr(code) for code in range(0x20, 0x7F)]

HEADER = '''"""The display's glyphs, as an SSD1306 takes them. Written by firmware/make_glyphs.py; not to be edited.

The glyphs are a subset of GNU Unifont 15.0.01, (c) 1998-2022 Roman Czyborra, Paul Hardy, Qianqian Fang, Andrew Miller,
Johnnie Weaver, David Corbett, Nils Moskopp, Rebecca Bettencourt, Jungshik Shin, Luis Alejandro Gonzalez Miranda, et al.
SPDX-License-Identifier: OFL-1.1
They are under the SIL Open Font License 1.1 (firmware/OFL.txt), other than the rest of Sealbox.

GLYPHS holds the 95 characters of ASCII, 8 columns each and one pixel higher than in the font; then, by code point, all
others: two bytes of code point and 16 columns. A glyph is its columns' upper 8 pixels, then their lower 8; the
lowest bit is on top.
"""
'''


def needed() -> list[str]:
    """The characters outside ASCII in the texts of display.py, docstrings apart, by code point."""
    tree = ast.parse(DISPLAY.read_text(encoding="utf-8"))
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef) and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
    ]
    return sorted({character for text in texts for character in text if ord(character) > 0x7E})


def present() -> list[str]:
    """The characters outside ASCII that the module holds."""
    for node in ast.parse(GLYPHS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            data = ast.literal_eval(node.value)[len(ASCII) * 16 :]
            return [chr(int.from_bytes(data[at : at + 2], "big")) for at in range(0, len(data), 34)]
    return []


def read(font: Path, characters: list[str], columns: int) -> dict[str, bytes]:
    """Each character's glyph, as the header says. Raises ValueError for one that has none of this width."""
    lines = dict(line.split(":") for line in font.read_text(encoding="ascii").split())
    found = {}
    for character in characters:
        drawn = bytes.fromhex(lines.get(f"{ord(character):04X}", ""))
        if len(drawn) != 2 * columns:
            raise ValueError(f"{character} (U+{ord(character):04X}) has no glyph {columns} pixels wide in {font}")
        rows = [int.from_bytes(drawn[at : at + columns // 8], "big") for at in range(0, len(drawn), columns // 8)]
        if columns == 8:
            rows = [*rows[1:], 0]  # one pixel up: what hangs below the line keeps clear of the next row
        found[character] = bytes(
            sum((rows[page + y] >> columns - 1 - x & 1) << y for y in range(8))
            for page in (0, 8)
            for x in range(columns)
        )
    return found


def literal(data: bytes) -> str:
    """A bytes literal of nothing but hexadecimal escapes, so that all lines are alike."""
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def module(font: Path) -> str:
    """The text of the module."""
    lines = [HEADER, "GLYPHS = ("]
    for character, glyph in read(font, ASCII, 8).items():
        lines.append(f"    {literal(glyph)}  # {character}".rstrip())
    for character, glyph in read(font, needed(), 16).items():
        lines.append(f"    {literal(ord(character).to_bytes(2, 'big'))}  # {character}")
        lines += [f"    {literal(glyph[:16])}", f"    {literal(glyph[16:])}"]
    return "\n".join([*lines, ")", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the glyphs of the box's display.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the module is not current")
    parser.add_argument("--font", type=Path, default=FONT, help="GNU Unifont in its .hex format")
    options = parser.parse_args()
    if not options.check:
        GLYPHS.write_text(module(options.font), encoding="utf-8")
        print(f"{len(needed())} characters and ASCII in {GLYPHS.name}")
        return 0
    missing, unused = sorted(set(needed()) - set(present())), sorted(set(present()) - set(needed()))
    if missing or unused:
        print(f"glyphs.py lacks {''.join(missing) or 'nothing'} and needs not {''.join(unused) or 'anything'}", end="")
        print(": install Debian's package unifont and run firmware/make_glyphs.py")
        return 1
    if options.font.exists() and GLYPHS.read_text(encoding="utf-8") != module(options.font):
        print("glyphs.py is not what firmware/make_glyphs.py writes: run it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
