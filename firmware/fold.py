"""Puts constants in place across modules, as mpy-cross does within one, before the image is compiled.

A number that one module defines and others use costs a box about 30 bytes of heap: a slot in the module's dict, and
its name. There are some 300 of them, most of them in `sealwire`, which has no `const`. In the image each use holds the
number itself, and the definition is gone.

Guarantees: a folded module does what its source does, line by line. A constant is a name in capitals that is bound
once, on the module's outermost level, to whole numbers that a board keeps without memory (0 to 2^30-1) or to False;
every other name stays as it is. Raises FoldError where the source can't be followed.
"""

import ast
from dataclasses import dataclass, field
from types import SimpleNamespace

_SMALL = 1 << 30

Constants = dict[str, int]
"""Name to value. False stands for itself: MYPY guards imports for type checks only."""


class FoldError(Exception):
    """The source does something with a constant's name that this program does not follow."""


@dataclass
class Module:
    """A module of the image: its full name, its source, and what its outermost level binds."""

    name: str
    is_package: bool
    source: str
    tree: ast.Module
    constants: Constants = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """Local name of a module of the image: its full name."""


def fold(sources: dict[str, str], packages: set[str]) -> dict[str, str]:
    """The folded source of each module, by full name; ``packages`` are the names that stand for an ``__init__``."""
    modules = {name: Module(name, name in packages, source, ast.parse(source)) for name, source in sources.items()}
    done: set[str] = set()
    for module in modules.values():
        _collect(module, modules, done)
    return {name: _rewritten(module, modules) for name, module in modules.items()}


def _collect(module: Module, modules: dict[str, Module], done: set[str]) -> None:
    """Find a module's constants, after those of the modules that it imports."""
    if module.name in done:
        return
    done.add(module.name)
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom):
            _collect_import(module, node, modules, done)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            value = _value(node.value, module, modules)
            if name.isupper() and value is not None:
                module.constants[name] = value
    _check(module)


def _collect_import(module: Module, node: ast.ImportFrom, modules: dict[str, Module], done: set[str]) -> None:
    source = _origin(module, node)
    for alias in node.names:
        inner = f"{source}.{alias.name}"
        for name in (source, inner):
            if name in modules:
                _collect(modules[name], modules, done)
        if inner in modules:
            module.aliases[alias.asname or alias.name] = inner
        elif source in modules and alias.name in modules[source].constants:
            if alias.asname:
                raise FoldError(f"{module.name}: {alias.name} is imported under another name")
            module.constants[alias.name] = modules[source].constants[alias.name]


def _origin(module: Module, node: ast.ImportFrom) -> str:
    """The full name of the module that a ``from … import`` names."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def _value(node: ast.expr, module: Module, modules: dict[str, Module]) -> int | None:
    """The value of an expression of constants, None when it is none or too large."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
        node = node.args[0]
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id not in {*module.constants, *module.aliases}:
            return None
        if isinstance(part, ast.Attribute) and _constant(part, module, modules) is None:
            return None
        if not isinstance(part, (ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, *_SYNTAX)):
            return None
    names: dict[str, object] = {"__builtins__": {}, **module.constants}
    for alias, name in module.aliases.items():
        names[alias] = SimpleNamespace(**modules[name].constants)
    value = eval(compile(ast.Expression(node), module.name, "eval"), names)  # noqa: S307 - our own source
    if value is False or (type(value) is int and 0 <= value < _SMALL):
        return value
    return None


_SYNTAX = (ast.operator, ast.unaryop, ast.expr_context)


def _constant(node: ast.expr, module: Module, modules: dict[str, Module]) -> int | None:
    """The constant that a name or ``module.NAME`` stands for, None when it is none."""
    if isinstance(node, ast.Name):
        return module.constants.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in module.aliases:
        return modules[module.aliases[node.value.id]].constants.get(node.attr)
    return None


def _check(module: Module) -> None:
    """A constant's name must have no second meaning anywhere in its module."""
    bound: list[str] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.append(node.id)
        elif isinstance(node, ast.arg):
            bound.append(node.arg)
        elif isinstance(node, ast.alias):
            bound.append(node.asname or node.name)
        elif isinstance(node, ast.JoinedStr):
            raise FoldError(f"{module.name}: positions inside f-strings are not known")
    for name in [*module.constants, *module.aliases]:
        if bound.count(name) != 1:
            raise FoldError(f"{module.name}: {name} is bound {bound.count(name)} times")


def _rewritten(module: Module, modules: dict[str, Module]) -> str:
    """The module's source with its constants in place, every line where it was."""
    edits: list[tuple[ast.stmt | ast.expr, str]] = []
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            value = _constant(node, module, modules)
            if value is not None:
                edits.append((node, str(value)))
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom):
            kept = [alias for alias in statement.names if (alias.asname or alias.name) not in module.constants]
            if len(kept) < len(statement.names):
                edits.append((statement, _import(statement, kept)))
        elif _defines(statement, module.constants):
            edits = [edit for edit in edits if not _inside(edit[0], statement)]
            edits.append((statement, "pass"))
    lines = module.source.encode().split(b"\n")
    for node, text in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or 0) - 1
        tail = lines[last][node.end_col_offset :]
        lines[first : last + 1] = [lines[first][: node.col_offset] + text.encode() + tail] + [b""] * (last - first)
    return b"\n".join(lines).decode()


def _defines(statement: ast.stmt, constants: Constants) -> bool:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return isinstance(target, ast.Name) and target.id in constants


def _inside(node: ast.stmt | ast.expr, statement: ast.stmt) -> bool:
    return statement.lineno <= node.lineno <= (statement.end_lineno or 0)


def _import(statement: ast.ImportFrom, kept: list[ast.alias]) -> str:
    if not kept:
        return "pass"
    return ast.unparse(ast.ImportFrom(statement.module, kept, statement.level))
