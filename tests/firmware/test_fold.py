"""What the image's modules hold instead of constants, and what is left alone."""

import sys

import pytest

from tests.vms import ROOT

sys.path.insert(0, str(ROOT / "firmware"))

import fold


def folded(**sources: str) -> dict[str, str]:
    """The folded sources of modules; a name with ``__`` in it stands for one in a package."""
    return fold.fold({name.replace("__", "."): source for name, source in sources.items()}, {"wire"})


def test_number_stands_where_another_module_used_it_and_its_definition_is_gone():
    out = folded(
        wire="",
        wire__limits="MOST = 8\n",
        wire__use="from wire import limits\n\n\ndef f(n):\n    return n < limits.MOST\n\n\nf(1)\n",
    )
    assert out["wire.limits"] == "pass\n"
    assert out["wire.use"] == "pass\n\n\ndef f(n):\n    return n < 8\n\n\nf(1)\n"


def test_imported_name_is_replaced_and_dropped_from_the_import_and_no_line_moves():
    source = "from kinds import (\n    FIRST,\n    SECOND,\n    name,\n)\nprint('名', FIRST + SECOND, name)\n"
    out = folded(kinds="FIRST = 1\nSECOND = FIRST + 1\nname = 3\n", use=source)
    assert out["use"] == "from kinds import name\n\n\n\n\nprint('名', 1 + 2, name)\n"
    assert out["kinds"] == "pass\npass\nname = 3\n"


def test_relative_imports_and_other_names_for_modules_are_followed():
    out = folded(
        wire="from micropython import const\nA = const(5)\n",
        wire__one="from . import A, two as other\nprint(A, other.B)\n",
        wire__two="B = 1 << 4\n",
    )
    assert out["wire.one"] == "from . import two as other\nprint(5, 16)\n"


@pytest.mark.parametrize(
    "definition",
    [
        "A = 1 << 30\n",
        "A = -1\n",
        "A = b'x'\n",
        "A = (1, 2)\n",
        "A = True\n",
        "a = 1\n",
        "A = print(1)\n",
        "A = len('x')\n",
    ],
)
def test_what_is_no_small_number_stays(definition: str):
    name = definition[0]
    use = f"import one\nprint(one.{name})\n"
    assert folded(one=definition, two=use) == {"one": definition, "two": use}


def test_bytes_put_together_from_constants_stand_there_whole():
    source = (
        "A = 1\n_LAST = bytes((A, 9))\n_WHOLE = bytes((\n    A, 2,  # why\n    A + 2, 4,\n)) + _LAST\nprint(_WHOLE)\n"
    )
    assert folded(one=source)["one"] == ("pass\npass\n_WHOLE = b'\\x01\\x02\\x03\\x04\\x01\\t'\n\n\n\nprint(_WHOLE)\n")


def test_guard_of_imports_for_type_checks_becomes_false():
    assert folded(one="MYPY = False\nif MYPY:\n    import typing\n")["one"] == "pass\nif False:\n    import typing\n"


@pytest.mark.parametrize(
    "source",
    ["A = 1\nA = 2\n", "A = 1\ndef f(A): return A\n", "A = 1\ndef f():\n    A = 2\n", "A = 1\nfor A in (): pass\n"],
)
def test_name_with_a_second_meaning_is_an_error(source: str):
    with pytest.raises(fold.FoldError):
        folded(one=source)


def test_constant_imported_under_another_name_is_an_error():
    with pytest.raises(fold.FoldError):
        folded(one="A = 1\n", two="from one import A as B\n")


def test_what_no_module_names_is_left_out_and_no_line_moves():
    out = folded(
        one="T = 1, 2\n\n\ndef by_host():\n    return inner(T)\n\n\ndef inner(x): pass\n\n\ndef used(): pass\n",
        two="from one import used\nused()\n",
    )
    assert out["one"] == "pass\n\n\npass\n\n\n\npass\n\n\ndef used(): pass\n"


@pytest.mark.parametrize(
    "use", ["print(other.seldom)", "from one import seldom\nseldom()", "seldom()", "class C:\n    x = seldom\nC()"]
)
def test_what_is_named_anywhere_stays(use: str):
    source = "def seldom():\n    return 1\n"
    assert folded(one=source, two=use + "\n") == {"one": source, "two": use + "\n"}


def test_what_does_more_than_bind_a_name_stays():
    source = "nobody = print('x')\n"
    assert folded(one=source)["one"] == source


def test_import_of_constants_alone_is_left_out_and_one_of_anything_else_stays():
    out = folded(
        wire="",
        wire__limits="MOST = 8\n",
        wire__work="def f(): pass\n",
        wire__use="from sys import stdin\nfrom wire import limits, work\nwork.f(limits.MOST)\n",
    )
    assert out["wire.use"] == "from sys import stdin\nfrom wire import work\nwork.f(8)\n"
