"""Reads the imports of a source tree and says which cross the project's import lines.

Guarantees: every `import` in a file counts, also one inside a function, under `if` or in `try`; relative imports are
resolved; `__import__` counts as an import of that name. Under `if MYPY:` or `if TYPE_CHECKING:`, which nothing runs,
the standard library's type names are free to all; whatever else is imported there counts too.
Leaves out: modules that importlib loads by a computed name.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ROOMS = ("protocol", "firmware", "host", "hardware", "tests")
"""The fixed top-level folders."""

SOURCE_ROOTS = {"protocol": "protocol", "firmware": "firmware", "host": "host", "hardware": "."}
"""For each room, the folder that its modules' names start from."""

STDLIB = frozenset(sys.stdlib_module_names)
BOARD_MODULES = ("machine", "network", "esp32", "esp", "espnow", "bluetooth", "__import__")
FIRMWARE = ("sealbox", "main")
HOST = ("sealhost",)
SIMULATION = ("hardware",)
LINKS_IMPLEMENTATIONS = ("sealhost.links.mqtt*", "sealhost.links.serial*", "sealhost.links.broker*")
WIRING = ("sealhost.app", "sealhost.cli", "sealhost.cli_*", "sealhost.demo*", "sealhost.main", "sealhost.__main__")
"""The modules of the host that know everything, and that nothing else knows."""


@dataclass(frozen=True)
class Line:
    """One import line: the modules it binds (patterns), and either all they may import or what they may not.

    A name covers its submodules: "sealhost.links" in `only` allows "sealhost.links.mqtt" too, unless `never` names it.
    """

    name: str
    modules: tuple[str, ...]
    only: tuple[str, ...] | None = None
    standard_library: bool = False
    never: tuple[str, ...] = ()
    except_modules: tuple[str, ...] = ()

    def binds(self, module: str) -> bool:
        """Whether this line speaks about the module."""
        return _matches(module, self.modules) and not _matches(module, self.except_modules)

    def allows(self, imported: str) -> bool:
        """Whether a module bound by this line may import this one."""
        if _covers(self.never, imported):
            return False
        if self.only is None or _covers(self.only, imported):
            return True
        return self.standard_library and imported.partition(".")[0] in STDLIB


@dataclass(frozen=True)
class Crossing:
    """A forbidden import: who, where, what, and the line it crosses."""

    path: Path
    line_number: int
    imported: str
    line: Line

    def __str__(self) -> str:
        return f"{self.path}:{self.line_number}: imports {self.imported}, against: {self.line.name}"


LINES = (
    Line(
        "sealwire imports only struct, hashlib and binascii",
        ("sealwire", "sealwire.*"),
        only=("sealwire", "struct", "hashlib", "binascii"),
    ),
    Line("states.py imports only sealwire", ("sealbox.states",), only=("sealwire",)),
    Line(
        "under sealbox/ only board/ touches the machine",
        ("sealbox", "sealbox.*", "main"),
        never=BOARD_MODULES,
        except_modules=("sealbox.board", "sealbox.board.*"),
    ),
    Line(
        "firmware never imports the host or the simulation",
        ("sealbox", "sealbox.*", "main", "manifest", "build"),
        never=HOST + SIMULATION,
    ),
    Line("the wire's vectors come from sealwire alone", ("vectors.*",), never=HOST + FIRMWARE + SIMULATION),
    Line("the host never imports firmware", ("sealhost", "sealhost.*"), never=("sealbox", "main")),
    Line("the simulation imports neither host nor firmware", ("hardware", "hardware.*"), never=HOST + FIRMWARE),
    Line(
        "core imports only sealwire and the standard library",
        ("sealhost.core", "sealhost.core.*"),
        only=("sealhost.core", "sealwire"),
        standard_library=True,
    ),
    Line(
        "store imports core, sealwire, SQLAlchemy and Alembic",
        ("sealhost.store", "sealhost.store.*"),
        only=("sealhost.store", "sealhost.core", "sealwire", "sqlalchemy", "alembic"),
        standard_library=True,
    ),
    Line(
        "services import core, store, sealwire and the links' interface",
        ("sealhost.services", "sealhost.services.*"),
        only=(
            *("sealhost.services", "sealhost.core", "sealhost.store", "sealhost.links", "sealwire"),
            *("sqlalchemy", "structlog", "cryptography"),
        ),
        standard_library=True,
        never=LINKS_IMPLEMENTATIONS,
    ),
    Line(
        "links import sealwire, paho and pyserial",
        ("sealhost.links", "sealhost.links.*"),
        only=("sealhost.links", "sealwire", "paho", "serial", "structlog"),
        standard_library=True,
        except_modules=("sealhost.links.broker",),
    ),
    Line(
        "the embedded broker imports iotcore and no other room",
        ("sealhost.links.broker",),
        only=("sealhost.links", "iotcore", "structlog"),
        standard_library=True,
    ),
    Line(
        "signing imports sealwire and cryptography",
        ("sealhost.signing", "sealhost.signing.*"),
        only=("sealhost.signing", "sealwire", "cryptography"),
        standard_library=True,
    ),
    Line(
        "the fence imports sealwire and cryptography",
        ("sealhost.fence", "sealhost.fence.*"),
        only=("sealhost.fence", "sealwire", "cryptography"),
        standard_library=True,
        except_modules=("sealhost.fence.places", "sealhost.fence.keeper"),
    ),
    Line(
        "who is listed at the broker, the fence learns from services and store",
        ("sealhost.fence.places", "sealhost.fence.keeper"),
        only=("sealhost.fence", "sealhost.services", "sealhost.store", "sealwire", "structlog"),
        standard_library=True,
    ),
    Line(
        "telling imports services, store and core, and what it sends with",
        ("sealhost.telling", "sealhost.telling.*"),
        only=(
            *("sealhost.telling", "sealhost.services", "sealhost.store", "sealhost.core"),
            *("sqlalchemy", "structlog", "apprise", "httpx"),
        ),
        standard_library=True,
    ),
    Line(
        "audit imports core, store, sealwire and cryptography",
        ("sealhost.audit", "sealhost.audit.*"),
        only=("sealhost.audit", "sealhost.core", "sealhost.store", "sealwire", "cryptography"),
        standard_library=True,
    ),
    Line(
        "upkeep imports config, fence, links, services, signing, store and cryptography: nothing of the daemon",
        ("sealhost.upkeep", "sealhost.upkeep.*"),
        only=(
            *("sealhost.upkeep", "sealhost.config", "sealhost.fence", "sealhost.links", "sealhost.signing"),
            *("sealhost.services", "sealhost.store", "sealwire", "sqlalchemy", "cryptography", "pydantic", "httpx"),
        ),
        standard_library=True,
        never=("sealhost.links.broker",),
    ),
    Line(
        "web imports services and core",
        ("sealhost.web", "sealhost.web.*"),
        only=(
            *("sealhost.web", "sealhost.services", "sealhost.core", "sealwire"),
            *("starlette", "uvicorn", "structlog", "prometheus_client", "pydantic"),
        ),
        standard_library=True,
    ),
    Line(
        "the people's side imports links, signing, core and sealwire: nothing of the daemon",
        ("sealhost.client", "sealhost.client.*"),
        only=(
            *("sealhost.client", "sealhost.texts", "sealhost.links", "sealhost.signing", "sealhost.core"),
            *("sealwire", "httpx", "openpyxl"),
        ),
        standard_library=True,
        never=("sealhost.links.broker",),
    ),
    Line("the catalogue of texts imports nothing", ("sealhost.texts",), only=(), standard_library=True),
    Line(
        "only the wiring knows everything: nothing imports app, cli, demo or __main__",
        ("sealhost", "sealhost.*"),
        never=WIRING,
        except_modules=WIRING,
    ),
    Line(
        "config imports nothing but settings",
        ("sealhost.config", "sealhost.config.*"),
        only=("sealhost.config", "pydantic", "pydantic_settings"),
        standard_library=True,
    ),
    Line("the package itself imports nothing of its own", ("sealhost",), only=("importlib",)),
)


def crossings(root: Path, lines: Iterable[Line] = LINES) -> list[Crossing]:
    """Every forbidden import below `root`, which holds the rooms; rooms that are missing hold none."""
    lines = tuple(lines)
    found = []
    for path, module in source_modules(root):
        bound = [line for line in lines if line.binds(module)]
        if not bound:
            continue
        for imported, line_number in imports(path, module):
            found += [Crossing(path, line_number, imported, line) for line in bound if not line.allows(imported)]
    return found


def source_modules(root: Path) -> Iterator[tuple[Path, str]]:
    """Yields each source file of the bound rooms with its module name."""
    for room, base in SOURCE_ROOTS.items():
        for path in sorted((root / room).rglob("*.py")):
            parts = path.relative_to(root / base).with_suffix("").parts
            if "node_modules" in parts or "build" in parts:
                continue
            yield path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, module: str) -> Iterator[tuple[str, int]]:
    """Yields the full name of everything that a file imports, with the line number."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node, for_types in _nodes(ast.parse(path.read_text(encoding="utf-8"), str(path)), for_types=False):
        for name in _imported_names(node, package):
            if not (for_types and name.partition(".")[0] in STDLIB):
                yield name, node.lineno


def _imported_names(node: ast.AST, package: list[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = package[: len(package) - node.level + 1] if node.level else []
        source = ".".join([*start, *([node.module] if node.module else [])])
        # `from sealhost import app` imports sealhost.app; a name that is no module falls under its module's rule.
        yield from (source if alias.name == "*" else f"{source}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
        yield "__import__"


def _nodes(node: ast.AST, for_types: bool) -> Iterator[tuple[Any, bool]]:
    """Walks the tree; tells of each node whether it stands where only type checkers look."""
    yield node, for_types
    types_only = node.body if isinstance(node, ast.If) and _is_for_type_checkers(node.test) else []
    for child in ast.iter_child_nodes(node):
        yield from _nodes(child, for_types or child in types_only)


def _is_for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name in ("MYPY", "TYPE_CHECKING")


def _covers(names: Iterable[str], imported: str) -> bool:
    return any(fnmatchcase(imported, name) or fnmatchcase(imported, f"{name}.*") for name in names)


def _matches(module: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)
