"""The app's own tests, which Node runs: the wire in TypeScript against the golden vectors."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NODE = Path(sys.executable).with_name("node")


def test_the_apps_own_tests_pass() -> None:
    files = sorted(map(str, HERE.glob("*.test.ts")))
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, timeout=100, check=False)
    assert files
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
