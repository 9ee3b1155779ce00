"""Asks the firmware's SHA-512 and Ed25519 on the real VMs; see vm/crypto.py for the questions."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests import vms

SCRIPT = Path(__file__).parent / "vm" / "crypto.py"

Ask = Callable[[Sequence[str]], list[str]]
"""Takes questions, returns their answers in order."""


def line(what: str, *args: bytes) -> str:
    return " ".join([what, *(arg.hex() or "-" for arg in args)])


def _ask(run: Callable[[Path], str], questions: Sequence[str], expected: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "questions"
        file.write_text("".join(question + "\n" for question in questions))
        used, *answers = run(file).splitlines()
    assert used == expected, f"the VM used {used}"
    assert len(answers) == len(questions)
    return answers


def fast(questions: Sequence[str]) -> list[str]:
    """The 64-bit VM from .mpy: machine code."""
    return _ask(
        lambda file: vms.run_unix(SCRIPT, args=[str(file)], modules=vms.compiled_modules(), timeout_s=300).checked(),
        questions,
        "sealbox.ed25519_limbs sealbox.sha512_viper",
    )


def slow(questions: Sequence[str]) -> list[str]:
    """The 64-bit VM from .mpy, without machine code."""
    args = ["ints", "plain"]
    return _ask(
        lambda file: vms.run_unix(
            SCRIPT, args=[str(file), *args], modules=vms.compiled_modules(), timeout_s=300
        ).checked(),
        questions,
        "sealbox.ed25519_ints sealbox.sha512_plain",
    )


def slow_32_bit(questions: Sequence[str]) -> list[str]:
    """The 32-bit VM, which has no machine code."""
    return _ask(
        lambda file: vms.run_wasm(SCRIPT, args=[str(file)], files=[file], timeout_s=300).checked(),
        questions,
        "sealbox.ed25519_ints sealbox.sha512_plain",
    )


ALL = (fast, slow, slow_32_bit)
