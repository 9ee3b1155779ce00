"""The virtual box as a process: its two sockets, and its end."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from pathlib import Path

from .board_link import BoardLink, BoardServer
from .box import Box
from .control import Control
from .settings import Settings


class HomeTakenError(Exception):
    """Another virtual box runs in this folder."""


def run(settings: Settings, power: bool, until_eof: bool) -> None:
    """Runs the box until SIGINT or SIGTERM, or with `until_eof` until standard input ends.

    Prints `ready` when it listens.
    The process works in its home, so that the paths of its sockets stay short however long the home's path is.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeTakenError(
                f"a virtual box already runs in {settings.home}; stop it or use another --home"
            ) from None
        os.chdir(settings.home)
        asyncio.run(_run(settings, power, until_eof))


async def _run(settings: Settings, power: bool, until_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if until_eof:
        loop.add_reader(sys.stdin.fileno(), _watch_parent, loop, stop)
    box = Box(loop, settings)
    board = BoardServer(box)
    control = Control(box, board)
    for name in ("board.sock", "control.sock"):
        Path(name).unlink(missing_ok=True)
    listeners: list[asyncio.Server] = []
    try:
        listeners.append(await loop.create_unix_server(lambda: BoardLink(board), "board.sock"))
        listeners.append(await asyncio.start_unix_server(control.serve, "control.sock"))
        if power:
            box.power_on()
        print("ready", flush=True)
        await stop.wait()
    finally:
        for listener in listeners:
            listener.close()
        box.close()
        for name in ("board.sock", "control.sock"):
            Path(name).unlink(missing_ok=True)


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        if os.read(sys.stdin.fileno(), 4096):
            return
    loop.remove_reader(sys.stdin.fileno())
    stop.set()
