"""Puts constants in place across modules, as mpy-cross does within one, and leaves out what no module of the image
names, before the image is compiled.

A number that one module defines and others use costs a box about 30 bytes of heap: a slot in the module's dict, and
its name. There are some 300 of them, most of them in `sealwire`, which has no `const`. In the image each use holds the
number itself, and the definition is gone. Gone too are functions, classes and tables that only hosts use.

Guarantees: a folded module does what its source does, line by line. A constant is a name in capitals that is bound
once, on the module's outermost level, to whole numbers that a board keeps without memory (0 to 2^30-1) or to False;
every other constant stays as it is. What is left out stands on the outermost level, and its name occurs nowhere outside
of it, not even as another's attribute. Raises FoldError where the source can't be followed.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    strings: dict[str, bytes] = field(default_factory=dict)
    """Byte strings that are put together from constants: the result stands in the image, instead of being made."""

    aliases: dict[str, str] = field(default_factory=dict)
    """Local name of a module of the image: its full name."""


def fold(sources: dict[str, str], packages: set[str]) -> dict[str, str]:
    """The folded source of each module, by full name; ``packages`` are the names that stand for an ``__init__``."""
    modules = {name: Module(name, name in packages, source, ast.parse(source)) for name, source in sources.items()}
    done: set[str] = set()
    for module in modules.values():
        _collect(module, modules, done)
    folded = {name: _rewritten(module, modules) for name, module in modules.items()}
    return _without_unnamed(folded)


def _without_unnamed(sources: dict[str, str]) -> dict[str, str]:
    """The modules without what none of them names, once and again: one may have been the only use of another."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    uses = Counter(name for tree in trees.values() for name in _named(tree))
    dropped: dict[str, list[ast.stmt]] = {name: [] for name in trees}
    found = True
    while found:
        found = False
        for module, tree in trees.items():
            for statement in tree.body:
                own = Counter(_named(statement))
                name = _defined(statement)
                if name is not None and statement not in dropped[module] and uses[name] == own[name]:
                    dropped[module].append(statement)
                    uses -= own
                    found = True
    left = {
        module: _replaced(source, [(statement, "pass") for statement in dropped[module]])
        for module, source in sources.items()
    }
    return {module: _without_imports(source, set(sources)) for module, source in left.items()}


def _without_imports(source: str, modules: set[str]) -> str:
    """A module without the imports that it has no use for, now that constants stand in their places.

    Only modules of the image are meant, and nothing waits for what importing one of them does.
    """
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    parents = {name.rpartition(".")[0] for name in modules} - {""}
    edits = []
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and (statement.module in parents or statement.module in modules):
            kept = [alias for alias in statement.names if (alias.asname or alias.name) in used]
            if len(kept) < len(statement.names):
                edits.append((statement, _import(statement, kept)))
    return _replaced(source, edits)


def _named(tree: ast.AST) -> Iterator[str]:
    """Every name that is read, called for as an attribute, or imported below a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name


def _defined(statement: ast.stmt) -> str | None:
    """The name that a statement binds, when binding it is all that it does."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name
    if isinstance(statement, ast.Assign) and not any(isinstance(node, ast.Call) for node in ast.walk(statement)):
        target = statement.targets[0]
        return target.id if isinstance(target, ast.Name) and len(statement.targets) == 1 else None
    return None


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
            if name.isupper() and isinstance(value, bytes):
                module.strings[name] = value
            elif name.isupper() and isinstance(value, int):
                module.constants[name] = value
    _check(module)


def _collect_import(module: Module, node: ast.ImportFrom, modules: dict[str, Module], done: set[str]) -> None:
    source = origin(module, node)
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


def origin(module: Module, node: ast.ImportFrom) -> str:
    """The full name of the module that a ``from … import`` names."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def _value(node: ast.expr, module: Module, modules: dict[str, Module]) -> int | bytes | None:
    """The value of an expression of constants, None when it is none or too large."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
        node = node.args[0]
    names: dict[str, object] = {"__builtins__": {}, "bytes": bytes, **module.constants, **module.strings}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id not in {*names, *module.aliases}:
            return None
        if isinstance(part, ast.Attribute) and _constant(part, module, modules) is None:
            return None
        if not isinstance(part, _FOLLOWED):
            return None
    for alias, name in module.aliases.items():
        names[alias] = SimpleNamespace(**modules[name].constants)
    value = eval(compile(ast.Expression(node), module.name, "eval"), names)  # noqa: S307 - our own source
    if value is False or isinstance(value, bytes) or (type(value) is int and 0 <= value < _SMALL):
        return value
    return None


_FOLLOWED = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Call, ast.Tuple),
    *(ast.operator, ast.unaryop, ast.expr_context),
)


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
    for name in [*module.constants, *module.strings, *module.aliases]:
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
        elif isinstance(statement, ast.Assign) and _defines(statement, module.strings):
            edits = [edit for edit in edits if not _inside(edit[0], statement)]
            edits.append((statement.value, repr(module.strings[ast.unparse(statement.targets[0])])))
    return _replaced(module.source, edits)


def _replaced(source: str, edits: Sequence[tuple[ast.stmt | ast.expr, str]]) -> str:
    """The source with nodes replaced by other text, every line where it was."""
    lines = source.encode().split(b"\n")
    for node, text in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
        first, last = _first_line(node) - 1, (node.end_lineno or 0) - 1
        tail = lines[last][node.end_col_offset :]
        lines[first : last + 1] = [lines[first][: node.col_offset] + text.encode() + tail] + [b""] * (last - first)
    return b"\n".join(lines).decode()


def _first_line(node: ast.stmt | ast.expr) -> int:
    """Where a statement begins: with its first decorator, if it has any."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *[decorator.lineno for decorator in decorators]])


def _defines(statement: ast.stmt, constants: Mapping[str, object]) -> bool:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return isinstance(target, ast.Name) and target.id in constants


def _inside(node: ast.stmt | ast.expr, statement: ast.stmt) -> bool:
    return statement.lineno <= node.lineno <= (statement.end_lineno or 0)


def _import(statement: ast.ImportFrom, kept: list[ast.alias]) -> str:
    if not kept:
        return "pass"
    return ast.unparse(ast.ImportFrom(statement.module, kept, statement.level))
