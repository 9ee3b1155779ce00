"""Firmware with a planted bug, so that a test can show what it guards against."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.vms import ROOT


def firmware_with(folder: Path, file: str, right: str, wrong: str) -> tuple[Path, ...]:
    """The firmware's image, built with `wrong` in place of `right` in one of its files."""
    return (modules_with(folder, file, {right: wrong})[0].with_suffix(".romfs"),)


def modules_with(folder: Path, file: str, changes: Mapping[str, str]) -> tuple[Path, ...]:
    """The firmware's modules, compiled with other text in one of its files: what stands there: what shall."""
    for room in ("firmware", "protocol"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("vectors", "__pycache__"))
    source = folder / "firmware" / "sealbox" / file
    text = source.read_text(encoding="utf-8")
    for right, wrong in changes.items():
        assert text.count(right) == 1, f"{right!r} stands {text.count(right)} times in {file}"
        text = text.replace(right, wrong)
    source.write_text(text, encoding="utf-8")
    command = [sys.executable, str(folder / "firmware" / "build.py"), "--quiet"]
    subprocess.run(command, check=True, timeout=120)
    return (folder / "build" / "firmware",)
