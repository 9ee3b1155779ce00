"""Every board fulfils the Board contract: each method, with the same parameters."""

import ast
from pathlib import Path

import pytest

BOARD = Path(__file__).resolve().parents[2] / "firmware" / "sealbox" / "board"
BOARDS = [path for path in (BOARD / "sim.py", BOARD / "esp32s3.py") if path.exists()]


def methods(path: Path) -> dict[str, list[str]]:
    """Public methods of a file's class (the one that has `show`) with their parameters."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found = {
                item.name: [argument.arg for argument in item.args.args]
                for item in node.body
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_")
            }
            if "show" in found:
                return found
    raise AssertionError(f"no board in {path.name}")


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_board_implements_every_method_of_the_contract(path: Path) -> None:
    contract, board = methods(BOARD / "contract.py"), methods(path)
    assert {name: board.get(name) for name in contract} == contract


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_board_has_every_attribute_of_the_contract(path: Path) -> None:
    contract = next(
        node for node in ast.parse((BOARD / "contract.py").read_text()).body if isinstance(node, ast.ClassDef)
    )
    names = {target.id for item in contract.body if isinstance(item, ast.Assign) for target in item.targets}  # type: ignore[attr-defined]
    assigned = {
        getattr(target, "id", None) or getattr(target, "attr", None)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
        for target in node.targets
    }
    assert names - assigned == set()


def test_there_is_a_board() -> None:
    assert {path.stem for path in BOARDS} == {"sim", "esp32s3"}
