"""`demo`: the whole way on one machine, from an empty folder to a verified bundle, through the public commands only.

Guarantees: exit code 0 only when every step went as it must; nothing it started runs on when it ends, however it ends.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from sealwire.errors import SealwireError

from sealhost.links import LinkError
from sealhost.signing.keys import KeyFileError

if TYPE_CHECKING:
    from sealhost.demo_stage import Stage

demo_app = typer.Typer()

ROOT = Path(__file__).resolve().parents[2]
APP_FILES = ROOT / "build" / "app"
IMAGE = ROOT / "build" / "firmware.romfs"
NAME_WIDTH = 30

APP = """
The app / 应用: {http}

One-time links; each makes its person's key in the browser that opens it, so use a browser profile for each person.
For the demo only, this authority takes every key that comes by them; in earnest it compares the key's code first.
{links}

Hands on the virtual box (press, jam, cut the power) / 虚拟印章盒: {hands}
"""
"""Where the app is, and how to be one of the demo's people."""

EXPLORE = """
Everything stays up. In another terminal:

  PATH={bin}:$PATH; cd {demo}

  python -m hardware.sim show --home box               # the box's display and bays; `watch` follows them
  sealhost keeper request --home keeper --bay 2 --matter 101 --impressions 1 --title 居住证明
  sealhost officer list --home officer-1
  sealhost officer approve CODE --home officer-1       # then officer-2: it opens for a minute
  python -m hardware.sim press 2 --home box            # press the seal; `jam 2`, `tamper`, `cut-power`: try them
  sealhost ledger --home host
  sealhost export --home host --out today.zip
  sealhost verify today.zip --authority authority.pub

Ctrl-C ends it."""
"""What can be tried afterwards; bin and demo are folders."""


@demo_app.command("demo")
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the last step.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on the last line.")] = False,
    broker: Annotated[
        str, typer.Option("--broker", help="embedded, or mosquitto: with TLS and the generated access list.")
    ] = "embedded",
    link: Annotated[
        str, typer.Option("--link", help="How the box is reached: mqtt, or serial: a line between host and box.")
    ] = "mqtt",
    home: Annotated[
        Path, typer.Option("--home", help="Where this run's folder is made; it stays until you remove it.")
    ] = ROOT / "build" / "demo",
) -> None:
    """Play one site's day on a virtual box: requests, approvals, attacks, a jam, and the audit. Then look around."""
    if not IMAGE.is_file():
        typer.echo("The box's firmware is not built: run `make demo` in a checkout of Sealbox.", err=True)
        raise typer.Exit(1)
    from sealhost.demo_fence import DemoFence, mosquitto_program
    from sealhost.demo_line import DemoLine
    from sealhost.demo_stage import Stage, new_home

    _check_options(broker, link)
    if broker == "mosquitto" and mosquitto_program() is None:
        typer.echo("Mosquitto is not installed: apt-get install mosquitto", err=True)
        raise typer.Exit(1)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: _interrupt(interrupted))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Chinese still shows the rest
    console = Console(highlight=False, soft_wrap=True)
    fence = DemoFence() if broker == "mosquitto" else None
    stage = Stage(new_home(home), fence=fence, app_files=None if once else _app_files())
    if link == "serial":
        stage.line = DemoLine(stage.home / "socket")
    try:
        failure = _play(stage, console)
        if as_json and (once or failure):
            _print_result(stage, failure)
        if not once and not failure:
            _explore(stage, console)
    except KeyboardInterrupt:
        interrupted.set()
    finally:
        if interrupted.is_set():
            _end_soon()
        stage.close()
    if interrupted.is_set():
        sys.stdout.flush()
        os._exit(130)  # a thread that Ctrl-C caught in the middle of something must not keep the demo
    raise typer.Exit(1 if failure else 0)


def _check_options(broker: str, link: str) -> None:
    if broker not in ("embedded", "mosquitto"):
        raise typer.BadParameter("--broker is embedded or mosquitto")
    if link not in ("mqtt", "serial") or (link, broker) == ("serial", "mosquitto"):
        raise typer.BadParameter("--link is mqtt or serial; serial goes with --broker embedded")


def _app_files() -> Path | None:
    """The app's built files, None where they were not built."""
    files = Path(os.environ.get("SEALHOST_APP_FILES") or APP_FILES)
    return files if (files / "index.html").is_file() else None


def _interrupt(interrupted: threading.Event) -> None:
    """Ctrl-C: wherever it strikes, and whatever becomes of the exception there, the demo ends as interrupted."""
    interrupted.set()
    raise KeyboardInterrupt


def _end_soon() -> None:
    """End in ten seconds, should something hang in ending; host and box end with this process."""
    guard = threading.Timer(10, os._exit, (130,))
    guard.daemon = True
    guard.start()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _play(stage: Stage, console: Console) -> str:
    """Run every step; the name and reason of the one that failed, or nothing."""
    from hardware.sim.link import BoxError
    from sealhost.demo_stage import DemoError
    from sealhost.demo_steps import STEPS

    known = (DemoError, BoxError, SealwireError, KeyFileError, LinkError, OSError, ValueError, LookupError)
    console.print(f"Everything of this run is in {stage.home}\n")
    for step in STEPS:
        started = time.monotonic()
        try:
            with console.status(f"{step.chinese} {step.english}"):
                told = step.play(stage)
        except known as error:
            # What a wait in vain says after its first clause is the box's whole state: that is in the logs.
            why = str(error).splitlines()[0].partition(";")[0]
            console.print(_line(time.monotonic() - started, step.chinese, step.english, f"FAILED: {why}", "red"))
            console.print(f"\nWhat happened is in {stage.home}: host.log, box/firmware.log, box/sim.log")
            return f"{step.english}: {why}"
        console.print(_line(time.monotonic() - started, step.chinese, step.english, told, "green"))
    return ""


def _line(seconds: float, chinese: str, english: str, told: str, color: str) -> Text:
    """Seconds since the last line, the step, and how it went. A Chinese character is two columns wide."""
    name = f"{chinese} {english}"
    name += " " * max(1, NAME_WIDTH - len(name) - len(chinese))
    return Text.assemble((f"{seconds:6.2f} s  ", "dim"), (name, f"bold {color}"), told)


def _print_result(stage: Stage, failure: str) -> None:
    result: dict[str, Any] = {"ok": not failure, **stage.result}
    if failure:
        result["failed"] = failure
    print(json.dumps(result, ensure_ascii=False), flush=True)


def _explore(stage: Stage, console: Console) -> None:
    """Say what can be tried, and wait until the host ends or somebody has seen enough."""
    from sealhost.demo_app import DemoApp
    from sealhost.demo_hands import Hands

    assert stage.host is not None
    assert stage.box is not None
    app, hands = DemoApp(stage), Hands(stage.box)
    if stage.app_files is not None:
        links = "\n".join(f"  {who}\n    {link}" for who, link in app.links())
        console.print(APP.format(http=stage.http(), links=links, hands=hands.url), markup=False)
        app.start()
        hands.start()
    console.print(EXPLORE.format(bin=Path(sys.executable).parent, demo=stage.home), markup=False)
    try:
        stage.host.wait()
        console.print(Text(f"The host has ended by itself: see {stage.home}/host.log", "red"))
    except KeyboardInterrupt:
        console.print("\nEnding.")
    finally:
        if stage.app_files is not None:
            app.stop()
            hands.stop()
