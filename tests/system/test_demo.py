"""The demo as anybody runs it, and what it leaves for whoever wants to check it."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealhost.cli import app
from typer.testing import CliRunner

LIMIT_S = 110  # ends a demo that hangs; never a pass mark
STEP = re.compile(r" *[0-9]+\.[0-9]{2} s  \S")

DEMO = (sys.executable, "-m", "sealhost", "demo")


@pytest.fixture
def interrupted(tmp_path: Path, firmware_image: tuple[Path, ...]) -> Iterator["subprocess.Popen[str]"]:
    """A demo that plays, in a process group of its own as in a terminal."""
    demo = subprocess.Popen([*DEMO, "--home", str(tmp_path)], stdout=subprocess.PIPE, text=True, process_group=0)
    yield demo
    demo.kill()
    demo.wait()
    assert demo.stdout is not None
    demo.stdout.close()


def verify(bundle: Path | str, key: Path | str) -> int:
    """The exit code of `sealhost verify`."""
    return CliRunner().invoke(app, ["verify", str(bundle), "--authority", str(key)]).exit_code


def flipped(bundle: Path, folder: str) -> bytes:
    """A bundle with one bit changed, in the middle of the largest item of a folder."""
    raw = bytearray(bundle.read_bytes())
    with zipfile.ZipFile(bundle) as archive:
        item = max(
            (one for one in archive.infolist() if one.filename.startswith(folder)), key=lambda one: one.file_size
        )
    raw[item.header_offset + 30 + len(item.filename) + item.compress_size // 2] ^= 1
    return bytes(raw)


def check_result(result: dict[str, Any]) -> None:
    """What the last line says of a demo that went well."""
    assert result["ok"] is True
    assert result["impressions"] == 2
    assert result["refused"] == ["stale_nonce", "length_range", "too_few_approvals"]
    assert result["verified"] is True
    assert result["approval_to_open_ms"] > 0


def test_demo_plays_every_step_and_leaves_a_bundle_that_anybody_can_verify(
    tmp_path: Path, firmware_image: tuple[Path, ...]
) -> None:
    done = subprocess.run(
        [*DEMO, "--once", "--json", "--home", str(tmp_path / "demo")], capture_output=True, text=True, timeout=LIMIT_S
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len([line for line in lines if STEP.match(line)]) == 17
    assert "\x1b" not in done.stdout, "colours where nobody sees them"
    result = json.loads(lines[-1])
    check_result(result)

    bundle, key = Path(result["bundle"]), Path(result["authority_key"])
    assert verify(bundle, key) == 0
    for folder in ("rosters", "messages", "boxes"):
        changed = tmp_path / f"{folder}.zip"
        changed.write_bytes(flipped(bundle, folder))
        assert verify(changed, key) == 1, f"nobody noticed a changed byte in {folder}"
    another = CliRunner().invoke(app, ["authority", "init", "--home", str(tmp_path / "other"), "--json"])
    assert verify(bundle, json.loads(another.stdout)["public"]) == 1, "verified for an authority that signed nothing"


def test_demo_over_a_serial_line_plays_every_step_and_says_what_a_use_takes_there(
    tmp_path: Path, firmware_image: tuple[Path, ...]
) -> None:
    command = [*DEMO, "--link", "serial", "--once", "--json", "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    check_result(result)
    assert 1_000 < result["serial_bytes_per_use"] < 8_000


def test_nothing_runs_on_after_ctrl_c(interrupted: "subprocess.Popen[str]") -> None:
    assert interrupted.stdout is not None
    home = Path(interrupted.stdout.readline().split()[-1])
    for line in interrupted.stdout:
        if "roster 1" in line:
            break
    host = json.loads((home / "host" / "run.json").read_text(encoding="utf-8"))["pid"]
    assert (home / "box" / "control.sock").exists()
    os.killpg(interrupted.pid, signal.SIGINT)
    assert interrupted.wait(LIMIT_S) == 130
    assert not Path(f"/proc/{host}").exists()
    assert not (home / "box" / "control.sock").exists()
