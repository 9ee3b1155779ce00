"""`VirtualBox`: a virtual box for tests and demos, as one object."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from .flash import LastWrite
from .link import BoxError, ControlLink, State, StillWaitingError
from .settings import ROOT, Settings

LOG_LINES = 20
"""How much of the firmware's log an error quotes."""


class VirtualBox:
    """A virtual box in a process of its own, which ends with this one.

        with VirtualBox(home, bays=2) as box:      # starts the process; the box has no power yet
            box.power_on()
            box.wait_display("ready")
            box.press(1)

    Bays count from 1. Every call returns when its effect is there. Waiting is by the box's own reports, and raises
    StillWaitingError, which says what the box looks like instead. Settings are those of `settings.Settings`.
    """

    def __init__(
        self,
        home: Path | str,
        bays: int = 2,
        main: Path | str | None = None,
        modules: Sequence[Path | str] | None = None,
        **settings: Any,
    ) -> None:
        if modules is not None:
            settings["modules"] = tuple(Path(folder).resolve() for folder in modules)
        script = None if main is None else Path(main).resolve()
        self.settings = Settings(home=Path(home).resolve(), bays=bays, main=script, **settings)
        self._process: subprocess.Popen[str] | None = None
        self._link: ControlLink | None = None

    def start(self) -> Self:
        """Starts the simulator's process, without power for the box."""
        home = self.settings.home
        home.mkdir(parents=True, exist_ok=True)
        with (home / "sim.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hardware.sim", "run", *_options(self.settings), "--no-power", "--until-eof"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                text=True,
            )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            self.stop()
            raise BoxError(f"the virtual box did not start:\n{(home / 'sim.log').read_text()}")
        self._link = ControlLink(home)
        return self

    def stop(self) -> None:
        """Ends the simulator and the VM. The flash and the battery-backed clock stay in the home."""
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The simulator's process; the VM's is `state["vm_pid"]`."""
        if self._process is None:
            raise BoxError("the virtual box is not started")
        return self._process.pid

    @property
    def link(self) -> ControlLink:
        if self._link is None:
            raise BoxError("the virtual box is not started")
        return self._link

    # Power

    def power_on(self, cause: str = "power_on") -> None:
        """Gives the box power: the firmware boots. The cause is power_on or brown_out."""
        self.link.do("power_on", cause=cause)

    def cut_power(self, last_write: LastWrite = "keep", after_writes: int | None = None) -> None:
        """Takes the power away, now or at the n-th coming write or erase of the flash, and does `last_write` to it.

        Now strikes the last write only if the firmware did not sync since.
        """
        self.link.do("cut_power", last_write=last_write, after_writes=after_writes)

    def power_off(self) -> None:
        self.cut_power()

    # Hands

    def press(self, bay: int, hold_ms: int = 80) -> bool:
        """Presses the bay's seal and lets go. False if the shutter or an empty bay prevents it."""
        return cast(bool, self.link.do("press", bay=bay, hold_ms=hold_ms))

    def stick_sensor(self, bay: int, on: bool = True) -> None:
        """Holds the press sensor's contact closed; with on=False lets it go."""
        self.link.do("stick_sensor", bay=bay, on=on)

    def chatter(self, bay: int, edges: int) -> None:
        """Makes the sensor's contact give that many edges, one each millisecond."""
        self.link.do("chatter", bay=bay, edges=edges)

    def jam(self, bay: int, at: str = "midway") -> None:
        """Puts something in the shutter's way, which holds what reaches it: at `closed`, `midway` or `open`."""
        self.link.do("jam", bay=bay, at=at)

    def unjam(self, bay: int) -> None:
        self.link.do("unjam", bay=bay)

    def hold_shutter(self, bay: int, at: str) -> None:
        """Forces a shutter to `closed`, `midway` or `open`, at once, as with the mechanical key, and keeps it there."""
        self.link.do("hold", bay=bay, at=at)

    def let_go_of_shutter(self, bay: int) -> None:
        self.link.do("hold", bay=bay, at=None)

    def remove_seal(self, bay: int) -> None:
        self.link.do("seal", bay=bay, present=False)

    def insert_seal(self, bay: int) -> None:
        self.link.do("seal", bay=bay, present=True)

    def tamper(self, on: bool = True) -> None:
        """Breaks the tamper loop, or mends it."""
        self.link.do("tamper", on=on)

    def lid(self, open: bool = True) -> None:
        self.link.do("lid", open=open)

    def hold_button(self) -> None:
        self.link.do("button", held=True)

    def release_button(self) -> None:
        self.link.do("button", held=False)

    def press_button(self) -> None:
        """Holds the button and lets go of it at once; the firmware is told of both."""
        self.hold_button()
        self.release_button()

    # Surroundings

    def mains(self, on: bool = True) -> None:
        self.link.do("mains", on=on)

    def battery(self, mv: int | None) -> None:
        self.link.do("battery", mv=mv)

    def set_clock(self, utc: float) -> None:
        self.link.do("set_clock", utc=utc)

    def lose_clock(self) -> None:
        self.link.do("set_clock", utc=None)

    def clock(self) -> int | None:
        """UTC seconds of the box's clock; None if it lost its time."""
        return cast("int | None", self.link.do("clock"))

    def advance(self, seconds: float) -> None:
        """Skips time for the whole box: ticks, clock, sleeping tasks, drive timers. Returns when the firmware knows."""
        self.link.do("advance", seconds=seconds)

    def wear_out(self, blocks: Sequence[int]) -> None:
        """Lets writing and erasing these blocks of the flash fail from now on."""
        self.link.do("wear_out", blocks=list(blocks))

    # Eyes

    @property
    def state(self) -> State:
        """All that can be seen now (`Box.state` names the parts)."""
        return self.link.state

    @property
    def console_path(self) -> str:
        """The box's USB console, for pyserial. Stays the same as long as the simulator runs."""
        return cast(str, self.state["console"])

    def display(self) -> list[str]:
        return cast(list[str], self.state["display"])

    def displays(self) -> list[list[str]]:
        """What was displayed so far, the last 200 texts."""
        return cast(list[list[str]], self.link.do("shown"))

    def picture(self) -> bytes:
        """The display's pixels, 1,024 bytes as an SSD1306 keeps them; dark without power. See `picture.to_png`."""
        return bytes.fromhex(self.link.do("picture"))

    def buzzes(self) -> list[list[int]]:
        """The buzzer patterns so far, the last 200."""
        return cast(list[list[int]], self.link.do("buzzes"))

    def random_draws(self) -> list[bytes]:
        """What the hardware's generator gave the firmware, the last 200 draws: shows where its keys come from."""
        return [bytes.fromhex(drawn) for drawn in self.link.do("random_draws")]

    def shutter(self, bay: int) -> str:
        """`closed`, `open`, or `moving` (anywhere between, also when it is stuck there)."""
        return cast(str, self._bay(bay)["shutter"])

    def driving(self, bay: int) -> bool:
        return cast(bool, self._bay(bay)["driving"])

    def openings(self, bay: int) -> int:
        """How often the drive was energised since the simulator started."""
        return cast(int, self._bay(bay)["openings"])

    def impressions(self, bay: int) -> int:
        """How often the seal was really pressed since the simulator started, whatever the firmware counted."""
        return cast(int, self._bay(bay)["impressions"])

    def opened_at(self, bay: int) -> float | None:
        """When the end switch `open` last closed, in `time.monotonic()` of this machine."""
        return cast("float | None", self._bay(bay)["opened_at"])

    def closed_at(self, bay: int) -> float | None:
        """When the end switch `closed` last closed, in `time.monotonic()` of this machine."""
        return cast("float | None", self._bay(bay)["closed_at"])

    def flash_stats(self) -> dict[str, int]:
        return cast(dict[str, int], self.link.do("flash_stats"))

    def firmware_log(self) -> str:
        """What the firmware printed, over all boots."""
        path = self.settings.home / "firmware.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # Waiting

    def wait_for(
        self, predicate: Callable[[State], bool], timeout: float = 10.0, what: str = "the expected state"
    ) -> State:
        """Returns the first state, from the present one on, for which the predicate holds; none is skipped.

        After `timeout` seconds raises StillWaitingError with the state and the end of what the firmware printed.
        """
        try:
            return self.link.wait_for(predicate, timeout, what)
        except StillWaitingError as error:
            printed = "\n".join(self.firmware_log().splitlines()[-LOG_LINES:])
            raise StillWaitingError(f"{error}\nThe firmware printed last:\n{printed}") from None

    def wait_shutter(self, bay: int, shutter: str, timeout: float = 10.0) -> None:
        self.wait_for(lambda state: state["bays"][bay - 1]["shutter"] == shutter, timeout, f"bay {bay} {shutter}")

    def wait_display(self, text: str, timeout: float = 10.0) -> list[str]:
        """Waits until one of the display's lines contains the text, and returns the lines."""
        state = self.wait_for(lambda state: any(text in line for line in state["display"]), timeout, f"{text!r} shown")
        return cast(list[str], state["display"])

    def wait_vm(self, vm: str, timeout: float = 10.0) -> State:
        """Waits until the VM is `running`, `exited` or `off`."""
        return self.wait_for(lambda state: state["vm"] == vm, timeout, f"VM {vm}")

    def _bay(self, bay: int) -> State:
        if not 1 <= bay <= self.settings.bays:
            raise ValueError(f"this box has bays 1 to {self.settings.bays}")
        return cast(State, self.state["bays"][bay - 1])


def _options(settings: Settings) -> list[str]:
    """The settings as options of `python -m hardware.sim run`."""
    options: list[str] = []
    for name, value in asdict(settings).items():
        for each in value if isinstance(value, tuple) else (value,):
            if each is not None:
                options += [f"--{name.replace('_', '-')}", str(each)]
    return options if settings.battery_mv is not None else [*options, "--no-battery"]
