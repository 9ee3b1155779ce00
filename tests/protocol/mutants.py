"""Mutants of sealwire: the same code with one check taken out or one comparison moved, and the vectors run on it.

Guarantees: a mutant lives in modules of its own for the length of one call; the real sealwire is back afterwards. A
mutant counts as found when some vector has another outcome than it should, an unexpected exception or an endless loop
among them. Must run in the main thread.
"""

import ast
import copy
import importlib.abc
import importlib.util
import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, TypeVar

from tests.vms import ROOT

SEALWIRE = ROOT / "protocol" / "sealwire"
VECTORS = ROOT / "protocol" / "vectors"
_REPLAY = VECTORS / "replay.py"
ENDLESS_S = 2
"""A vector takes about a millisecond; this long is an endless loop on any machine."""

_NAMES = ("sealwire", *(f"sealwire.{path.stem}" for path in SEALWIRE.glob("*.py") if path.stem != "__init__"))
_MOVED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


_Node = TypeVar("_Node", bound=ast.AST)


@dataclass(frozen=True)
class Mutant:
    """One change: where, what it is, the reason that a raise names, and a function that makes the changed module."""

    module: str
    line: int
    change: str
    reason: str
    tree: Callable[[], ast.Module]

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line} {self.change}"


@cache
def source_tree(module: str) -> ast.Module:
    """A module of sealwire, parsed."""
    return ast.parse((SEALWIRE / f"{module}.py").read_text(encoding="utf-8"))


@cache
def _code(module: str) -> CodeType:
    return compile(source_tree(module), f"{module}.py", "exec")


def modules() -> list[str]:
    """The modules with something to mutate; limits and errors hold constants only."""
    return sorted(path.stem for path in SEALWIRE.glob("*.py") if path.stem not in ("__init__", "limits", "errors"))


def _nodes(module: str, kind: type[_Node]) -> Iterator[tuple[int, _Node]]:
    """(place in the walk, node) of each node of a kind."""
    for place, node in enumerate(ast.walk(source_tree(module))):
        if isinstance(node, kind):
            yield place, node


def _twin(module: str, place: int, kind: type[_Node]) -> tuple[ast.Module, _Node]:
    """A copy of a module, and in it the node at a place."""
    tree = copy.deepcopy(source_tree(module))
    node = next(node for at, node in enumerate(ast.walk(tree)) if at == place)
    assert isinstance(node, kind)
    return tree, node


def _reason(node: ast.AST) -> str:
    """The reason that a raise names, in lower case; empty for another exception."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr.isupper():
            return part.attr.lower()
    return ""


def without_raises(module: str) -> Iterator[Mutant]:
    """A mutant for each raise: it does nothing instead."""

    def make(place: int) -> ast.Module:
        tree, twin = _twin(module, place, ast.Raise)
        for parent in ast.walk(tree):
            for name in ("body", "orelse", "handlers", "finalbody"):
                block = getattr(parent, name, None)
                if isinstance(block, list) and twin in block:
                    block[block.index(twin)] = ast.copy_location(ast.Pass(), twin)
        return tree

    for place, node in _nodes(module, ast.Raise):
        yield Mutant(module, node.lineno, ast.unparse(node), _reason(node), partial(make, place))


def without_parts(module: str) -> Iterator[Mutant]:
    """A mutant for each part of each `and` and `or`: it is left out."""

    def make(place: int, left_out: int) -> ast.Module:
        tree, twin = _twin(module, place, ast.BoolOp)
        kept = [value for at, value in enumerate(twin.values) if at != left_out]
        twin.values = kept if len(kept) > 1 else kept * 2  # `x or x` is x
        return tree

    for place, node in _nodes(module, ast.BoolOp):
        for left_out, part in enumerate(node.values):
            change = f"without {ast.unparse(part)}"
            yield Mutant(module, part.lineno, change, "", partial(make, place, left_out))


def moved_comparisons(module: str) -> Iterator[Mutant]:
    """A mutant for each comparison by order: its limit moves by one."""

    def make(place: int, at: int) -> ast.Module:
        tree, twin = _twin(module, place, ast.Compare)
        twin.ops[at] = _MOVED[type(twin.ops[at])]()
        return tree

    for place, node in _nodes(module, ast.Compare):
        for at, operator in enumerate(node.ops):
            if type(operator) in _MOVED:
                change = f"moved {at}: {ast.unparse(node)}"
                yield Mutant(module, node.lineno, change, "", partial(make, place, at))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds sealwire's modules by their compiled code, one of them mutated."""

    def __init__(self, mutated: str, code: CodeType) -> None:
        self._mutated = mutated
        self._changed = code

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname not in _NAMES:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=fullname == "sealwire")

    def exec_module(self, module: ModuleType) -> None:
        stem = module.__name__.partition(".")[2] or "__init__"
        code = self._changed if stem == self._mutated else _code(stem)
        exec(code, module.__dict__)  # noqa: S102  # our own code


@cache
def _replay_code() -> CodeType:
    return compile(_REPLAY.read_text(encoding="utf-8"), str(_REPLAY), "exec")


@cache
def vectors() -> tuple[tuple[str, dict[str, Any]], ...]:
    """(name, vector) of every vector, the rejected first: they are the likelier to show what is missing."""
    paths: list[Path] = sorted(VECTORS.glob("reject/*.json")) + sorted(VECTORS.glob("accept/*.json"))
    return tuple((path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in paths)


_NEAR = {
    "cbor": ("decode", "encode"),
    "chain": ("entry", "history", "heads"),
    "cose": ("read", "signature", "build"),
    "frames": ("frame", "frames", "build_frame"),
    "roster": ("roster", "authority", "succession", "find"),
    "rules": ("request", "substitute", "judge", "ready", "open"),
    "schema": ("read", "build"),
    "strict": ("strict",),
    "topics": ("topic",),
}
"""The operations that a module's mutants are most likely to be found by: they are tried first."""

_found_before: set[str] = set()  # vectors that found a mutant are likely to find its neighbours


def found_by(mutant: Mutant) -> str | None:
    """The name of the first vector that goes red on a mutant, None when all stay green."""
    near = _NEAR.get(mutant.module, ())

    def likelihood(named: tuple[str, dict[str, Any]]) -> tuple[bool, bool, bool]:
        name, vector = named
        return vector["rule"] != mutant.reason, vector["operation"] not in near, name not in _found_before

    ordered = sorted(vectors(), key=likelihood)
    real = {name: sys.modules.pop(name) for name in _NAMES if name in sys.modules}
    finder = _Finder(mutant.module, compile(ast.fix_missing_locations(mutant.tree()), f"{mutant.module}.py", "exec"))
    sys.meta_path.insert(0, finder)
    try:
        replay: dict[str, Any] = {"__name__": "replay"}
        exec(_replay_code(), replay)  # noqa: S102  # our own code
        found = next((name for name, vector in ordered if _red(replay, vector)), None)
        _found_before.add(found or "")
        return found
    finally:
        sys.meta_path.remove(finder)
        for name in _NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(real)


def _red(replay: dict[str, Any], vector: dict[str, Any]) -> bool:
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, ENDLESS_S)
    try:
        return bool(replay["outcome"](vector) != vector["expect"])
    except Exception:  # noqa: BLE001  # a mutant may fall over in any way, and that is red
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError("an endless loop")
