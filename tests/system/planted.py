"""Firmware with a planted bug, so that a test can show what it guards against."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.vms import ROOT


def firmware_with(folder: Path, file: str, right: str, wrong: str) -> tuple[Path, ...]:
    """The firmware's image, built with `wrong` in place of `right` in one of its files."""
    for room in ("firmware", "protocol"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("vectors", "__pycache__"))
    source = folder / "firmware" / "sealbox" / file
    text = source.read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{right!r} stands {text.count(right)} times in {file}"
    source.write_text(text.replace(right, wrong), encoding="utf-8")
    command = [sys.executable, str(folder / "firmware" / "build.py"), "--quiet"]
    subprocess.run(command, check=True, timeout=120)
    return (folder / "build" / "firmware.romfs",)
