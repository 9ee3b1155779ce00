"""The processor of the virtual box: the MicroPython VM as a child process, and its USB console."""

import asyncio
import contextlib
import ctypes
import os
import pty
import signal
import subprocess
import sys
import threading
import tty
from collections.abc import Callable
from pathlib import Path

from .settings import Settings

ROM = Path(__file__).with_name("rom")

LOG_LIMIT_BYTES = 8 * 1024 * 1024
"""firmware.log is set aside as firmware.log.old when it has grown so large."""

UNREAD_LIMIT_BYTES = 64 * 1024
"""Console output kept for a computer that reads slowly; older output is dropped, as is what nobody reads for 1 s."""


def die_with_parent() -> Callable[[], None] | None:
    """What a child runs so that the kernel ends it with its parent; None where the kernel can't."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


class Console:
    """A raw pseudo-terminal: the computer opens `path`, the firmware's side is `send` and `received`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, received: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._received = received
        self._master, self._slave = pty.openpty()  # the slave stays open here, and with it the raw mode
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._unsent = bytearray()
        self._give_up: asyncio.TimerHandle | None = None
        loop.add_reader(self._master, self._read)

    def close(self) -> None:
        self._forget()
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def send(self, data: bytes) -> None:
        self._unsent += data
        self._write()
        del self._unsent[: max(0, len(self._unsent) - UNREAD_LIMIT_BYTES)]

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._received(os.read(self._master, 65_536))

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                sent = os.write(self._master, self._unsent)
                del self._unsent[:sent]
                self._stop_waiting()
        if self._unsent and self._give_up is None:
            self._loop.add_writer(self._master, self._write)
            self._give_up = self._loop.call_later(1.0, self._forget)
        elif not self._unsent:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None
            self._loop.remove_writer(self._master)

    def _forget(self) -> None:
        self._unsent.clear()
        self._stop_waiting()


class Vm:
    """Starts and kills the VM. `exited(status)` is called once for each start, when the process has ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: Settings, exited: Callable[[int], None]) -> None:
        self._loop = loop
        self._settings = settings
        self._exited = exited
        self._process: subprocess.Popen[bytes] | None = None
        self._stdin = -1
        self._log_path = settings.home / "firmware.log"
        self.console = Console(loop, self._typed)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        settings = self._settings
        images = [str(path) for path in settings.modules if path.suffix == ".romfs"]
        folders = [str(path) for path in settings.modules if path.suffix != ".romfs"]
        environment = {
            **os.environ,
            "MICROPYPATH": ":".join([*folders, ".frozen"]),
            "SEALBOX_SIM": "board.sock",
        }
        interpreter = [str(settings.interpreter)]
        program = ["-m", "main"] if settings.main is None else [str(settings.main.resolve())]
        if images:
            interpreter = [sys.executable, str(ROM / "launch.py"), images[0]]
            program = [str(ROM / "boot.py"), *program[-1:]]
        stdin, self._stdin = os.pipe()
        stdout, stdout_end = os.pipe()
        # The firmware reads what has come, as from USB, instead of waiting for as much as it asked for.
        os.set_blocking(stdin, False)
        os.set_blocking(self._stdin, False)
        self._process = subprocess.Popen(
            [*interpreter, "-X", f"heapsize={settings.heap_kib}k", *program],
            stdin=stdin,
            stdout=stdout_end,
            stderr=stdout_end,
            cwd=settings.home,
            env=environment,
            preexec_fn=die_with_parent(),
        )
        os.close(stdin)
        os.close(stdout_end)
        self._loop.add_reader(stdout, self._printed, stdout)
        threading.Thread(target=self._reap, args=(self._process,), daemon=True).start()

    def kill(self) -> None:
        """Ends the VM where it stands. Returns before it is gone; `exited` follows."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.console.close()

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the simulator is ending too
            self._loop.call_soon_threadsafe(self._ended, status)

    def _ended(self, status: int) -> None:
        os.close(self._stdin)
        self._process = None
        self._exited(status)

    def _typed(self, data: bytes) -> None:
        if self._process is not None:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._stdin, data)

    def _printed(self, stdout: int) -> None:
        data = os.read(stdout, 65_536)
        if not data:
            self._loop.remove_reader(stdout)
            os.close(stdout)
            return
        self._log(data)
        self.console.send(data)

    def _log(self, data: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._log_path.stat().st_size > LOG_LIMIT_BYTES:
                self._log_path.replace(Path(f"{self._log_path}.old"))
        with self._log_path.open("ab") as log:
            log.write(data)
