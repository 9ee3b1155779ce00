"""What Ed25519 costs the firmware: multiplications modulo p, and heap. Counts, as times are the machine's business."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests import vms

VM = Path(__file__).parent / "vm"
SEALBOX = vms.ROOT / "firmware" / "sealbox"

MOST_MULTIPLICATIONS = {"unknown": 2800, "known": 1100, "sign": 1000}

# All of the big-integer engine's products but those by small constants and of table positions, and those that work
# on coordinates outside of the engines. Not the extended Euclidean algorithm, which has none of two large numbers.
COUNTED = {
    "ed25519_ints": ("double", "_add", "prepare", "add_point", "_square", "power"),
    "ed25519": ("_decompress", "_compress", "_write_affine", "_secret_inverse"),
}

COUNTING = """
counts = {}

def times(module, a, b):
    counts[module] = counts.get(module, 0) + 1
    return a * b
"""


class _CountProducts(ast.NodeTransformer):
    def __init__(self, module: str) -> None:
        self.module = module

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        small = isinstance(node.left, ast.Constant) or isinstance(node.right, ast.Constant)
        if not isinstance(node.op, ast.Mult) or small:
            return node
        return ast.Call(ast.Name("_times", ast.Load()), [ast.Constant(self.module), node.left, node.right], [])


def _counting_source(module: str) -> str:
    tree = ast.parse((SEALBOX / f"{module}.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in COUNTED[module]]
    assert len(functions) == len(COUNTED[module])
    for function in functions:
        _CountProducts(module).visit(function)
    return "from counting import times as _times\n" + ast.unparse(ast.fix_missing_locations(tree))


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[int, int, int]]]:
    """For each operation: products in the big-integer engine, in the machine code's programs, and outside of both."""
    folder = tmp_path_factory.mktemp("counted")
    (folder / "counting.py").write_text(COUNTING)
    (folder / "sealbox").mkdir()
    for source in SEALBOX.glob("*.py"):
        if source.stem in COUNTED:
            (folder / "sealbox" / source.name).write_text(_counting_source(source.stem))
        elif source.stem.startswith(("__init__", "sha512", "ed25519")):
            (folder / "sealbox" / source.name).write_bytes(source.read_bytes())
    modules = [folder, vms.ROOT / "protocol"]
    found = defaultdict(list)
    for row in vms.run_unix(VM / "ed25519_cost.py", modules=modules, heap_kib=2048).checked().splitlines():
        name, *numbers = row.split()
        in_ints, in_programs, outside = map(int, numbers)
        found[name].append((in_ints, in_programs, outside))
    return found


@pytest.mark.parametrize("operation", MOST_MULTIPLICATIONS)
def test_multiplications_stay_within_the_budget(costs, operation: str) -> None:
    totals = [in_ints + outside for in_ints, _, outside in costs[operation]]
    assert sum(totals) / len(totals) <= MOST_MULTIPLICATIONS[operation], totals


@pytest.mark.parametrize("operation", MOST_MULTIPLICATIONS)
def test_both_engines_do_the_same_products(costs, operation: str) -> None:
    assert [cost[0] for cost in costs[operation]] == [cost[1] for cost in costs[operation]]


def test_signing_does_the_same_products_for_every_secret(costs) -> None:
    assert len(set(costs["sign"])) == 1


def test_modules_and_remembered_keys_fit_their_share_of_the_heap() -> None:
    script = vms.ROOT / "tests" / "firmware" / "vm" / "ed25519_heap.py"
    measured = vms.run_unix(script, modules=vms.compiled_modules()).checked().split()
    imported, with_keys = map(int, measured)
    assert imported <= 24 * 1024
    assert with_keys <= 31 * 1024


def test_the_base_points_table_is_what_its_command_writes() -> None:
    command = [sys.executable, str(vms.ROOT / "firmware" / "make_base_table.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_verifying_in_the_boards_heap_leaves_room_for_a_grant(tmp_path: Path) -> None:
    """Eight decisions, a request and the grant itself, verified one after the other beside an 8 KiB message."""
    script = tmp_path / "grant.py"
    script.write_text(
        "held = bytearray(8192)\n"
        "from sealbox import ed25519\n"
        "for number in range(10):\n"
        "    secret = bytes([number]) * 32\n"
        "    key = ed25519.public_key(secret)\n"
        "    ed25519.remember(key)\n"
        "    print(ed25519.verify(key, held[:512], ed25519.sign(secret, held[:512])))\n"
    )
    assert vms.run_unix(script, modules=vms.compiled_modules(), heap_kib=64).checked().split() == ["True"] * 10
