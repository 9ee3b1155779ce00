"""`python -m hardware.sim`: run a virtual box, and lay hands on it."""

import json
import sys
import threading
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from .link import BoxError, ControlLink, State
from .server import HomeTakenError
from .server import run as run_box
from .settings import INTERPRETER, Settings, firmware_modules

EXAMPLES = """
Examples:

  python -m hardware.sim run --home /tmp/box

  python -m hardware.sim show --home /tmp/box

  python -m hardware.sim press 1 --home /tmp/box

  python -m hardware.sim advance 3600 --home /tmp/box

  python -m hardware.sim cut-power --last-write tear --home /tmp/box

All but `run` need a box that runs; its home can be given once, in the environment (SEALBOX_SIM_HOME).
"""

app = typer.Typer(help=f"A virtual seal box.\n\n{EXAMPLES}", no_args_is_help=True, add_completion=False)

Home = Annotated[Path, typer.Option(help="the box's folder", envvar="SEALBOX_SIM_HOME")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Bay = Annotated[int, typer.Argument(help="the bay's number, from 1")]
Off = Annotated[bool, typer.Option("--off", help="undo it")]


@app.command()
def run(
    home: Home,
    bays: Annotated[int, typer.Option(help="how many bays, 1 to 4")] = Settings.bays,
    travel_ms: Annotated[int, typer.Option(help="how long a shutter travels")] = Settings.travel_ms,
    main: Annotated[Path | None, typer.Option(help="a script to run instead of the firmware")] = None,
    modules: Annotated[list[Path] | None, typer.Option(help="folders the VM imports from")] = None,
    heap_kib: Annotated[int, typer.Option(help="the VM's heap")] = Settings.heap_kib,
    interpreter: Annotated[Path | None, typer.Option(help="the MicroPython to run")] = None,
    block_size: Annotated[int, typer.Option(help="bytes in a block of the flash")] = Settings.block_size,
    blocks: Annotated[int, typer.Option(help="blocks of the flash")] = Settings.blocks,
    watchdog_ms: Annotated[int, typer.Option(help="how long the watchdog waits")] = Settings.watchdog_ms,
    ticks_at_start: Annotated[int, typer.Option(help="first tick count; it wraps at 2**30")] = Settings.ticks_at_start,
    battery_mv: Annotated[int, typer.Option(help="the battery's millivolts")] = 3_000,
    seed: Annotated[int, typer.Option(help="for bounce and torn writes")] = Settings.seed,
    power: Annotated[bool, typer.Option("--power/--no-power", help="start with power")] = True,
    battery: Annotated[bool, typer.Option("--battery/--no-battery", help="whether there is a battery")] = True,
    until_eof: Annotated[bool, typer.Option(help="end when standard input ends")] = False,
) -> None:
    """Run a box until interrupted. Prints `ready` as soon as the other commands can reach it."""
    try:
        settings = Settings(
            home=home.resolve(),
            bays=bays,
            travel_ms=travel_ms,
            main=None if main is None else main.resolve(),
            modules=tuple(folder.resolve() for folder in modules) if modules else firmware_modules(),
            heap_kib=heap_kib,
            interpreter=interpreter or INTERPRETER,
            block_size=block_size,
            blocks=blocks,
            watchdog_ms=watchdog_ms,
            ticks_at_start=ticks_at_start,
            battery_mv=battery_mv if battery else None,
            seed=seed,
        )
        run_box(settings, power, until_eof)
    except (ValueError, HomeTakenError) as error:
        fail(str(error))


@app.command()
def show(home: Home, as_json: Json = False) -> None:
    """Print the display and what can be seen of the bays (as JSON: everything)."""
    state = do(home, "state")
    if as_json:
        print(json.dumps(state))
        return
    power = f"VM {state['vm']}" if state["powered"] else "no power"
    print(f"box: {power}, {state['boots']} boots, console {state['console']}")
    for line in state["display"]:
        print(f"  | {line}")
    for number, bay in enumerate(state["bays"], 1):
        jam = f", jammed {bay['jam']}" if bay["jam"] else ""
        seal = "seal in" if bay["seal"] else "no seal"
        print(
            f"bay {number}: {bay['shutter']}{jam}, {seal}, {bay['openings']} openings, {bay['impressions']} impressions"
        )


@app.command()
def watch(home: Home) -> None:
    """Print the state as one JSON line for each change, until interrupted."""
    link = connect(home)

    def shown(state: State) -> bool:
        print(json.dumps(state), flush=True)
        return False

    try:
        link.wait_for(shown, timeout_s=threading.TIMEOUT_MAX)
    except BoxError:
        print("the virtual box has stopped", file=sys.stderr)


@app.command()
def press(bay: Bay, home: Home, hold_ms: int = 80, as_json: Json = False) -> None:
    """Press the seal in a bay. Exit status 1 if the shutter or an empty bay prevents it."""
    pressed = do(home, "press", bay=bay, hold_ms=hold_ms)
    print(json.dumps(pressed) if as_json else "pressed" if pressed else "could not press: shutter not open, or no seal")
    raise typer.Exit(0 if pressed else 1)


@app.command()
def jam(bay: Bay, home: Home, at: Annotated[str, typer.Option(help="closed, midway or open")] = "midway") -> None:
    """Put something in a shutter's way."""
    do(home, "jam", bay=bay, at=at)


@app.command()
def unjam(bay: Bay, home: Home) -> None:
    """Take it out of the way."""
    do(home, "unjam", bay=bay)


@app.command()
def seal(bay: Bay, home: Home, remove: Annotated[bool, typer.Option("--remove/--insert")] = True) -> None:
    """Take the seal out of its bay, or put it back."""
    do(home, "seal", bay=bay, present=not remove)


@app.command()
def tamper(home: Home, off: Off = False) -> None:
    """Break the tamper loop."""
    do(home, "tamper", on=not off)


@app.command()
def lid(home: Home, off: Off = False) -> None:
    """Open the service lid."""
    do(home, "lid", open=not off)


@app.command()
def button(home: Home, hold: bool = False, release: bool = False) -> None:
    """Press the button; with --hold keep it down until --release."""
    if not release:
        do(home, "button", held=True)
    if not hold:
        do(home, "button", held=False)


@app.command()
def mains(home: Home, off: Off = False) -> None:
    """Bring the mains back, or take them away (the box runs on)."""
    do(home, "mains", on=not off)


@app.command()
def battery(mv: int, home: Home) -> None:
    """Set the battery's millivolts."""
    do(home, "battery", mv=mv)


@app.command()
def clock(
    home: Home,
    utc: Annotated[float | None, typer.Option("--set", help="UTC seconds")] = None,
    lose: Annotated[bool, typer.Option("--lose")] = False,
) -> None:
    """Print the battery-backed clock, set it, or let it lose its time."""
    if utc is not None or lose:
        do(home, "set_clock", utc=None if lose else utc)
    print(json.dumps(do(home, "clock")))


@app.command()
def advance(seconds: float, home: Home) -> None:
    """Let time pass at once."""
    do(home, "advance", seconds=seconds)


@app.command("cut-power")
def cut_power(
    home: Home,
    last_write: Annotated[str, typer.Option(help="keep, drop, tear or garble")] = "keep",
    after_writes: Annotated[int | None, typer.Option(help="at the n-th coming write instead of now")] = None,
) -> None:
    """Take the power away."""
    do(home, "cut_power", last_write=last_write, after_writes=after_writes)


@app.command("power-on")
def power_on(home: Home, cause: Annotated[str, typer.Option(help="power_on or brown_out")] = "power_on") -> None:
    """Give the box power."""
    do(home, "power_on", cause=cause)


@app.command("flash-stats")
def flash_stats(home: Home) -> None:
    """Print what was done to the flash, as JSON."""
    print(json.dumps(do(home, "flash_stats")))


def connect(home: Path) -> ControlLink:
    try:
        return ControlLink(home.resolve())
    except BoxError as error:
        fail(str(error))


def do(home: Path, command: str, **arguments: Any) -> Any:
    link = connect(home)
    try:
        return link.do(command, **arguments)
    except BoxError as error:
        fail(str(error))
    finally:
        link.close()


def fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(2)


if __name__ == "__main__":
    app()
