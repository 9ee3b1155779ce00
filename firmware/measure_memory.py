"""Says how much heap each module of the firmware takes once it is imported, as the table in README.md.

    python firmware/measure_memory.py

Measured on the image, in the 64-bit VM of the tests, where objects take twice what they take on the board. Names are
counted apart: the VM keeps them in pools, of which each new one is twice as large as the one before.
"""

import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise

import build
import fold

ROM = build.ROOT / "hardware" / "sim" / "rom"
LATER = ("sealbox.board.sim", "sealbox.console")
"""Loaded by `main` when they are needed: the first stands for any board's own module."""

SCRIPT = """
import gc
import micropython

def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()

class Names:
    pass

def fill_pools(count):
    names = Names()
    for number in range(count):
        setattr(names, "unused%d" % number, None)

fill_pools(1261)
print("-", used())
import asyncio
asyncio.Event, asyncio.StreamReader, asyncio.gather, asyncio.wait_for_ms
print("asyncio", used())
for name in {names}:
    __import__(name)
    print(name, used())
micropython.qstr_info()
"""


def imports(module: fold.Module, known: set[str]) -> Iterator[str]:
    """The modules of the image that a module imports when it is imported itself, in order."""
    nodes = [node for statement in module.tree.body for node in _outer(statement)]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            source = fold.origin(module, node)
            found = [f"{source}.{alias.name}" for alias in node.names]
            yield from [name for name in (source, *found) if name in known]


def _outer(statement: ast.stmt) -> Iterator[ast.stmt]:
    """A statement, or those of its branches: the last ``except`` is for boards that lack something."""
    yield statement
    if isinstance(statement, ast.Try):
        yield from statement.body


def in_order(wanted: list[str], modules: dict[str, fold.Module]) -> list[str]:
    """The wanted modules and all that they import, each after those that it imports."""
    ordered: list[str] = []

    def add(name: str) -> None:
        if name not in ordered:
            for needed in imports(modules[name], set(modules) - {name}):
                add(needed)
            if name not in ordered:
                ordered.append(name)

    for name in wanted:
        add(name)
    return ordered


def main() -> int:
    modules = {}
    for source, place in build.modules():
        name = ".".join(place.parts).removesuffix(".__init__")
        modules[name] = fold.Module(name, place.name == "__init__", "", ast.parse(source.read_text(encoding="utf-8")))
    names = [name for name in in_order(["main", *LATER], modules) if name != "main"]
    subprocess.run([sys.executable, str(build.ROOT / "firmware" / "build.py"), "--quiet"], check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(SCRIPT.replace("{names}", repr(names)))
        script.flush()
        image = build.OUTPUT.with_suffix(".romfs")
        command = [sys.executable, str(ROM / "launch.py"), str(image), "-X", "heapsize=400k", str(ROM / "boot.py")]
        printed = subprocess.run([*command, script.name], check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in printed.splitlines()]
    readings = [(name, int(value)) for name, value in lines[:-1]]
    print("| module | heap, bytes |\n|---|---|")
    for (_, before), (name, after) in pairwise(readings):
        print(f"| {name} | {after - before:,} |")
    print(f"| all | {readings[-1][1] - readings[0][1]:,} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
