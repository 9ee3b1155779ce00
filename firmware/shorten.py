"""Gives what is private to a module, and parameters, names that every VM knows, when the image is built.

A VM keeps every name that it did not know in pools, each twice as large as the one before: on the box the step beyond
620 names costs 7 KB of heap at once. `_board`, `_journal`, … of one module and those of another never meet, so both may
have the same new name, and there are names that any MicroPython has. In a traceback of the image file and line are
those of the source; names of private functions are not.

Guarantees: a shortened module does what its source does, line by line. A private name (one leading underscore) is
shortened only if the module binds it itself, no string holds it, and it is called for on nothing but `self`; modules
whose classes inherit from one another share their names. A parameter is shortened if no call in the image gives it by
keyword. Raises FoldError where the source can't be followed.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count

from fold import FoldError

_PRIVATE = (
    *("isalpha", "isdigit", "islower", "isspace", "isupper", "lstrip", "rstrip", "rfind", "rindex", "rsplit", "upper"),
    *("lower", "popitem", "setdefault", "startswith", "endswith", "classmethod", "staticmethod", "callable", "divmod"),
    *("bytecode", "Ellipsis", "NoneType", "EOFError", "LookupError", "NameError", "ArithmeticError", "hash"),
    *("AssertionError", "AttributeError", "GeneratorExit", "IndentationError", "OverflowError", "StopIteration"),
    *("SyntaxError", "SystemExit", "ZeroDivisionError", "KeyboardInterrupt", "issubclass", "setattr", "super"),
)
_PARAMETERS = ("args", "end", "key", "sep", "value", "values", "start", "stop", "step", "index", "count", "sum", "hash")
"""Names that the .mpy format itself has a number for. The VM looks none of the first up in objects of ours."""

_Edit = tuple[int, int, str, str]
"""Line, column in bytes, the name that stands there, and the new one."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class _Unit:
    """Modules whose private names may meet, since a class of one inherits from a class of another."""

    modules: dict[str, ast.Module]
    bound: set[str] = field(default_factory=set)
    named: Counter[str] = field(default_factory=Counter)
    elsewhere: set[str] = field(default_factory=set)
    """Names that are called for on something else than `self`."""


def shorten(sources: dict[str, str]) -> dict[str, str]:
    """The source of each module of the image, by full name, with short names."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    units = _units(trees)
    for unit in units:
        _look(unit)
    kept = _kept(units, trees)
    given = _given_by_keyword(trees)
    edits: dict[str, list[_Edit]] = {name: [] for name in trees}
    for unit in units:
        names = [name for name, _ in unit.named.most_common() if name not in kept]
        taken = {word for tree in unit.modules.values() for word in _words(tree)}
        new = dict(zip(names, _fresh(_PRIVATE, "_%d", taken), strict=False))
        for name, tree in unit.modules.items():
            lines = sources[name].encode().split(b"\n")
            edits[name] += _renamed(tree, new, lines)
            for function in _outermost(tree):
                edits[name] += _parameters(tree, function, given, set(new.values()))
    return {name: _edited(source, edits[name]) for name, source in sources.items()}


def _fresh(known: tuple[str, ...], pattern: str, taken: set[str]) -> Iterator[str]:
    return (name for name in chain(known, (pattern % number for number in count())) if name not in taken)


def _words(tree: ast.AST) -> Iterator[str]:
    """Every name and string below a node: what a new name could be confused with."""
    for node in ast.walk(tree):
        for value in vars(node).values():
            if isinstance(value, str):
                yield value
            elif isinstance(value, list):
                yield from [item for item in value if isinstance(item, str)]


def _units(trees: dict[str, ast.Module]) -> list[_Unit]:
    """The modules, together where a class has a base that another module defines under that name."""
    home = {name: {name} for name in trees}
    for derived, tree in trees.items():
        bases = {base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in map(_last, node.bases)}
        for other, body in trees.items():
            if any(isinstance(node, ast.ClassDef) and node.name in bases for node in body.body):
                together = home[derived] | home[other]
                for name in together:
                    home[name] = together
    found = {frozenset(names) for names in home.values()}
    return [_Unit({name: trees[name] for name in sorted(names)}) for names in sorted(found, key=sorted)]


def _last(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def _is_private(name: str) -> bool:
    return len(name) > 1 and name[0] == "_" and name[1] != "_"


def _look(unit: _Unit) -> None:
    """Find what a unit binds and names."""
    for node in [node for tree in unit.modules.values() for node in ast.walk(tree)]:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name, binds = node.name, True
        elif isinstance(node, ast.Name):
            name, binds = node.id, isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.Attribute):
            on_self = isinstance(node.value, ast.Name) and node.value.id == "self"
            name, binds = node.attr, on_self and isinstance(node.ctx, ast.Store)
            if not on_self:
                unit.elsewhere.add(name)
        else:
            continue
        if _is_private(name):
            unit.named[name] += 1
            if binds:
                unit.bound.add(name)


def _kept(units: list[_Unit], trees: dict[str, ast.Module]) -> set[str]:
    """Private names that stay: those of others, those that may be, and those that stand in strings or imports."""
    kept = {name for unit in units for name in unit.named if name not in unit.bound}
    kept |= {name for unit in units for name in unit.elsewhere}
    for node in [node for tree in trees.values() for node in ast.walk(tree)]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            kept.add(node.value)
        elif isinstance(node, ast.alias):
            kept |= {node.name, node.asname or ""}
        elif isinstance(node, ast.arg):
            kept.add(node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            kept |= set(node.names)
        elif isinstance(node, ast.ExceptHandler):
            kept.add(node.name or "")
    return kept


def _given_by_keyword(trees: dict[str, ast.Module]) -> set[str]:
    """Every name by which a call in the image gives an argument; ``**`` may pass on only what came so."""
    given = set()
    for name, tree in trees.items():
        passed_on = {node.kwarg.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) and node.kwarg}
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg:
                given.add(node.arg)
            elif isinstance(node, ast.keyword) and not (
                isinstance(node.value, ast.Name) and node.value.id in passed_on
            ):
                raise FoldError(f"{name}: it is not known which arguments ** gives")
            elif isinstance(node, ast.Name) and node.id in ("exec", "eval", "locals", "globals"):
                raise FoldError(f"{name}: {node.id} may use any name")
    return given


def _outermost(tree: ast.Module) -> Iterator[_Function]:
    """Functions that are in no other function: those of the module, and its classes' methods."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        else:
            pending += ast.iter_child_nodes(node)


def _parameters(tree: ast.Module, function: _Function, given: set[str], taken: set[str]) -> list[_Edit]:
    """New names for a function's parameters and those of the functions in it: for each name one, wherever it stands."""
    fixed = {"self", "_", *given, *_on_module_level(tree)}
    names: list[str] = []
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            fixed |= set(node.names)
        elif isinstance(node, ast.ExceptHandler):
            fixed.add(node.name or "")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node is not function:
            fixed.add(node.name)
        elif isinstance(node, ast.alias):
            fixed |= {node.name, node.asname or ""}
    wanted = [name for name in dict.fromkeys(names) if name not in fixed]
    new = dict(zip(wanted, _fresh(_PARAMETERS, "a%d", {*taken, *_words(function)}), strict=False))
    edits = []
    for node in ast.walk(function):
        name = node.arg if isinstance(node, ast.arg) else node.id if isinstance(node, ast.Name) else ""
        if name in new:
            assert isinstance(node, (ast.arg, ast.Name))
            edits.append((node.lineno, node.col_offset, name, new[name]))
    return edits


def _on_module_level(tree: ast.Module) -> Iterator[str]:
    """What a module binds for all its functions, and what its classes bind for themselves."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending += ast.iter_child_nodes(node)


def _renamed(tree: ast.Module, new: dict[str, str], lines: list[bytes]) -> Iterator[_Edit]:
    """Where a module's private names stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in new:
            yield node.lineno, node.col_offset, node.id, new[node.id]
        elif isinstance(node, ast.Attribute) and node.attr in new:
            end, column = node.end_lineno or 0, node.end_col_offset or 0
            yield end, column - len(node.attr.encode()), node.attr, new[node.attr]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name in new:
            column = lines[node.lineno - 1].index(b" " + node.name.encode(), node.col_offset) + 1
            yield node.lineno, column, node.name, new[node.name]


def _edited(source: str, edits: list[_Edit]) -> str:
    lines = source.encode().split(b"\n")
    for number, column, old, new in sorted(edits, reverse=True):
        line = lines[number - 1]
        end = column + len(old.encode())
        if line[column:end] != old.encode():
            raise FoldError(f"line {number}: {old} is not where it was")
        lines[number - 1] = line[:column] + new.encode() + line[end:]
    return b"\n".join(lines).decode()
