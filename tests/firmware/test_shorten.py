"""Which names of the image are short, and which must stay as they are."""

import ast
import sys
from pathlib import Path

import pytest

from tests.vms import ROOT, run_unix

sys.path.insert(0, str(ROOT / "firmware"))

import build
import fold
import shorten

REAL_NAMES = shorten._PRIVATE + shorten._PARAMETERS


@pytest.fixture(autouse=True)
def _plain_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """New names are `_0`, … and `a0`, …: those that a VM knows come first otherwise, and would be hard to read here."""
    monkeypatch.setattr(shorten, "_PRIVATE", ())
    monkeypatch.setattr(shorten, "_PARAMETERS", ())


def shortened(**sources: str) -> dict[str, str]:
    """The shortened sources of modules; a name with ``__`` in it stands for one in a package."""
    return shorten.shorten({name.replace("__", "."): source for name, source in sources.items()})


def test_private_names_of_modules_that_do_not_meet_become_the_same_and_no_line_moves():
    source = "class {0}:\n    def f(self):\n        self._{1} = '名', self._{1}\n\n    def g(self):\n        pass\n"
    out = shortened(one=source.format("One", "board"), two=source.format("Two", "clock"))
    expected = "class {0}:\n    def f(self):\n        self._0 = '名', self._0\n\n    def g(self):\n        pass\n"
    assert out == {"one": expected.format("One"), "two": expected.format("Two")}


def test_functions_classes_and_constants_are_shortened_wherever_they_stand():
    source = "_LIMIT = 1\nclass _Thing: pass\nasync def _work(): return _Thing, _LIMIT, _work\n"
    out = shortened(one=source)["one"]
    assert "_LIMIT" not in out
    assert "_Thing" not in out
    assert "_work" not in out
    names = {node.id for node in ast.walk(ast.parse(out)) if isinstance(node, ast.Name)}
    assert names == {"_0", "_1", "_2"}


def test_class_and_its_base_in_another_module_share_their_names():
    base = "class Base:\n    def run(self):\n        self._one = 1\n"
    derived = "from base import Base\nclass Derived(Base):\n    def go(self):\n        self._two = self._two\n"
    out = shortened(base=base, derived=derived)
    assert "self._1 = 1" in out["base"]
    assert "self._0 = self._0" in out["derived"]


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\nasyncio.core._io_queue()\n",  # another's
        "def f(self, other):\n    self._x = other._x\n",  # may be another's
        "def f(self):\n    self._x = getattr(self, '_x')\n",
        "def f(self):\n    self._x = 1\ndef g(self, _x): pass\ng(_x=1)\n",
        "from other import _x\nclass A:\n    def f(self):\n        self._x = _x\n",
        "class A:\n    def __init__(self): self.__len__()\n",
        "for _ in (): pass\n",
    ],
)
def test_name_that_may_mean_something_elsewhere_stays(source: str):
    assert shortened(one=source)["one"].replace("a0", "other") == source


def test_parameters_become_the_same_in_every_function():
    source = (
        "def f(board, clock=1, *rest, **more):\n    return board, clock, rest, more\ndef g(seed: bytes): return seed\n"
    )
    assert shortened(one=source)["one"] == (
        "def f(a0, a1=1, *a2, **a3):\n    return a0, a1, a2, a3\ndef g(a0: bytes): return a0\n"
    )


def test_functions_in_functions_mean_the_same_parameters():
    source = "def f(board, n):\n    def g(n, m): return board, n, m, [n for x in m]\n    return lambda n: g(n, board)\n"
    assert shortened(one=source)["one"] == (
        "def f(a0, a1):\n    def g(a1, a2): return a0, a1, a2, [a1 for x in a2]\n    return lambda a1: g(a1, a0)\n"
    )


@pytest.mark.parametrize(
    "source",
    [
        "def f(board): return board\nf(board=1)\n",
        "board = 1\ndef f(x=board):\n    def g(board): pass\n".replace("x", "self"),
        "def f(self):\n    return self\n",
        "def f(board):\n    from other import board\n",
        "def f(error):\n    try:\n        pass\n    except OSError as error:\n        pass\n",
        "def f(board):\n    def g():\n        nonlocal board\n        board = 2\n",
    ],
)
def test_parameter_with_a_second_meaning_stays(source: str):
    assert shortened(one=source)["one"] == source


def test_keyword_of_another_module_keeps_the_parameter():
    out = shortened(one="def f(user, x): return user\n", two="from one import f\nf(user=1)\n")
    assert out["one"] == "def f(user, a0): return user\n"


def test_new_names_are_those_of_nothing_else():
    source = "def a0(board): return a0, '_0'\nclass C:\n    def f(self):\n        self._clock = 1\n"
    assert shortened(one=source)["one"] == (
        "def a0(a1): return a0, '_0'\nclass C:\n    def f(self):\n        self._1 = 1\n"
    )


@pytest.mark.parametrize("source", ["f(**{'board': 1})\n", "def f(options):\n    g(**options)\n", "exec('_x')\n"])
def test_what_cannot_be_followed_is_an_error(source: str):
    with pytest.raises(fold.FoldError):
        shortened(one=source)


def test_keywords_that_are_passed_on_are_followed():
    source = "def f(**options): g(**options)\n"
    assert shortened(one=source)["one"] == "def f(**a0): g(**a0)\n"


def test_names_that_every_vm_knows_are_used_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shorten, "_PRIVATE", ("upper", "lower"))
    monkeypatch.setattr(shorten, "_PARAMETERS", ("upper", "end", "key"))
    source = "def _one(a, b, c): return 'x'.upper(), a, b, c, _two\ndef _two(): end = 1\n"
    assert shortened(one=source)["one"] == (
        "def _0(end, key, a0): return 'x'.upper(), end, key, a0, lower\ndef lower(): end = 1\n"
    )


def test_every_vm_knows_the_names_that_are_taken(tmp_path: Path):
    script = tmp_path / "known.py"
    script.write_text(
        "import micropython\nclass Names: pass\nnames = Names()\nmicropython.qstr_info()\n"
        "with open(__file__.replace('.py', '.txt')) as file:\n"
        "    for line in file: setattr(names, line.strip(), 1)\n"
        "micropython.qstr_info()\nsetattr(names, 'a name that is new', 1)\nmicropython.qstr_info()\n"
    )
    script.with_suffix(".txt").write_text("\n".join(REAL_NAMES))
    before, after, more = run_unix(script).checked().splitlines()
    assert before == after != more


def shape(source: str) -> str:
    """A module's syntax tree with every identifier the same, and no places."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("id", "attr", "arg", "name"):
            if isinstance(getattr(node, name, None), str):
                setattr(node, name, "x")
    return ast.dump(tree)


def test_firmware_is_the_same_but_for_its_names(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    sources = {".".join(place.parts): source.read_text("utf-8") for source, place in build.modules()}
    for name, after in shorten.shorten(sources).items():
        assert shape(after) == shape(sources[name]), name
        assert after.count("\n") == sources[name].count("\n"), name
