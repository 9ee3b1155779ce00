"""A whole use of a box through power cuts, failing flash and a full disk: vm/use_cuts.py, in which `main` itself runs.

What they watch is shown to be watched: with each of the planted bugs a cut is found that breaks a promise.
"""

import os
from pathlib import Path

import pytest

from tests import vms
from tests.system.planted import modules_with

SCRIPT = Path(__file__).parent / "vm" / "use_cuts.py"
RAM_DISK_HEAP_KIB = 16 * 1024  # the chip's image lives in the heap here, and its copies
HOW = ("kept", "dropped", "torn", "garbage")
SEEDS = int(os.environ.get("SEALBOX_SEEDS", "3"))
"""Of random pairs of cuts, 60 each. `make soak` takes more."""


def run(function: str, argument: str, modules: tuple[Path, ...]) -> vms.Outcome:
    args = [function, argument]
    folders = (*modules, SCRIPT.parent)
    return vms.run_unix(SCRIPT, args=args, modules=folders, heap_kib=RAM_DISK_HEAP_KIB, timeout_s=100)


def count(outcome: vms.Outcome) -> int:
    """The number of cases: what a script that passed prints last."""
    return int(outcome.checked().split()[-1])


@pytest.mark.parametrize("how", HOW)
def test_power_cut_at_every_write_and_erase_of_a_use(how: str, compiled_modules: tuple[Path, ...]) -> None:
    assert count(run("all_cuts", how, compiled_modules)) > 250


@pytest.mark.parametrize("seed", range(SEEDS))
def test_power_cuts_in_two_lives_one_after_the_other(seed: int, compiled_modules: tuple[Path, ...]) -> None:
    assert count(run("cuts_in_both_lives", str(seed), compiled_modules)) == 60


@pytest.mark.parametrize("what", ["lasting", "erases", "single"])
def test_flash_that_fails_at_every_write_and_erase_of_a_use(what: str, compiled_modules: tuple[Path, ...]) -> None:
    assert count(run("every_failure", what, compiled_modules)) >= 20


def test_full_disk_keeps_the_log_whole_and_opens_nothing(compiled_modules: tuple[Path, ...]) -> None:
    run("full_disk", "-", compiled_modules).checked()


PLANTED = {
    "actuate before persist": (
        "box.py",
        {
            'bay = self.bays[request["bay"] - 1]\n        try:': (
                'bay = self.bays[request["bay"] - 1]\n        self.board.open(bay.number, 5000)\n        try:'
            )
        },
    ),
    "intent that spends one": ("box.py", {'"spends": spends,': '"spends": 1,'}),
    "counter in a file of its own": (
        "journal.py",
        {
            "        history.clock_changed = self.clock_seq > anchor\n": (
                "        history.clock_changed = self.clock_seq > anchor\n"
                "        try:\n"
                '            with open("/data/count") as file:\n'
                "                history.spent = int(file.read())\n"
                "        except OSError:\n"
                "            history.spent = 0\n"
            ),
            "        self._follow(seq, chain.Entry(kind, now, fields))\n        return seq\n": (
                "        self._follow(seq, chain.Entry(kind, now, fields))\n"
                "        if kind == chain.PRESS:\n"
                '            with open("/data/count", "w") as file:\n'
                '                file.write(str(fields["count"]))\n'
                "        return seq\n"
            ),
        },
    ),
}
"""File, and what stands in it: what stands there instead."""


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    file, changes = PLANTED[bug]
    modules = modules_with(tmp_path, file, changes)
    outcomes = [run("some_cuts", how, modules) for how in ("dropped", "torn")]
    assert any("ViolationError" in outcome.stderr + outcome.stdout for outcome in outcomes)


def test_same_cuts_find_nothing_without_a_bug(compiled_modules: tuple[Path, ...]) -> None:
    assert count(run("some_cuts", "torn", compiled_modules)) > 40
