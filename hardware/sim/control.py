"""The hands on the virtual box: commands as JSON lines over a UNIX socket, state changes pushed to every connection.

A command is `{"id": 1, "do": "press", "bay": 1}`, its answer `{"id": 1, "ok": true, "result": ...}` or
`{"id": 1, "ok": false, "error": "..."}`; whatever changes comes as `{"state": {...}}`, the first time at once.
What a command changed is pushed before its answer. The commands are the `do_` methods below. Bays count from 1.
"""

import asyncio
import contextlib
import inspect
import json
from typing import Any, get_args

from .bay import PRESS_MS, Bay
from .board_link import BoardServer
from .box import Box, State
from .flash import LAST_WRITES, LastWrite

TIME_TAKEN_IN_S = 2.0
"""A firmware that is busy for longer learns of skipped time when it gets to it."""

assert get_args(LastWrite) == LAST_WRITES


class Control:
    """Commands on one box. Wrong arguments raise ValueError, which becomes the answer's error."""

    def __init__(self, box: Box, board: BoardServer) -> None:
        self._box = box
        self._board = board
        self._watchers: set[asyncio.StreamWriter] = set()
        box.on_state = self._push

    def do_power_on(self, cause: str = "power_on") -> None:
        if cause not in ("power_on", "brown_out"):
            raise ValueError("power comes back as power_on or brown_out")
        self._box.power_on(cause)

    def do_cut_power(self, last_write: str = "keep", after_writes: int | None = None) -> None:
        if last_write not in LAST_WRITES:
            raise ValueError(f"last_write is one of {', '.join(LAST_WRITES)}")
        how: LastWrite = last_write  # type: ignore[assignment]  # checked above
        if after_writes is None:
            self._box.cut_power(how)
        elif after_writes < 1:
            raise ValueError("after_writes counts from 1, the next write or erase")
        else:
            self._box.flash.cut_at(after_writes, how)

    async def do_press(self, bay: int, hold_ms: int = PRESS_MS) -> bool:
        up = asyncio.Event()
        pressed = self._bay(bay).press(hold_ms, up.set)
        if pressed:
            await up.wait()
        return pressed

    def do_stick_sensor(self, bay: int, on: bool = True) -> None:
        self._bay(bay).stick(on)

    def do_chatter(self, bay: int, edges: int) -> None:
        self._bay(bay).chatter(edges)

    def do_jam(self, bay: int, at: str = "midway") -> None:
        self._bay(bay).jam(at)

    def do_unjam(self, bay: int) -> None:
        self._bay(bay).unjam()

    def do_hold(self, bay: int, at: str | None) -> None:
        self._bay(bay).hold(at)

    def do_seal(self, bay: int, present: bool) -> None:
        self._bay(bay)
        self._box.set_seal(bay - 1, present)

    def do_tamper(self, on: bool = True) -> None:
        self._box.tampered = on

    def do_lid(self, open: bool = True) -> None:
        self._box.lid = open

    def do_button(self, held: bool = True) -> None:
        self._box.button = held

    def do_mains(self, on: bool = True) -> None:
        self._box.mains = on

    def do_battery(self, mv: int | None) -> None:
        if mv is not None and not 0 <= mv <= 0xFFFF:
            raise ValueError("the battery has 0 to 65535 mV")
        self._box.battery_mv = mv

    def do_set_clock(self, utc: float | None) -> None:
        self._box.set_clock(utc)

    def do_clock(self) -> int | None:
        return self._box.clock()

    async def do_advance(self, seconds: float) -> None:
        self._box.advance(seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._board.time_taken_in(), TIME_TAKEN_IN_S)

    def do_wear_out(self, blocks: list[int]) -> None:
        self._box.flash.wear_out(blocks)

    def do_flash_stats(self) -> dict[str, int]:
        return self._box.flash.counters()

    def do_shown(self) -> list[list[str]]:
        return self._box.shown

    def do_picture(self) -> str:
        return self._box.picture.hex()

    def do_buzzes(self) -> list[list[int]]:
        return self._box.buzzes

    def do_random_draws(self) -> list[str]:
        return [drawn.hex() for drawn in self._box.random_draws]

    def do_state(self) -> State:
        return self._box.state()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the other side closes it. Commands run side by side, each answered when it is done."""
        self._watchers.add(writer)
        self._send(writer, {"state": self._box.state()})
        running: set[asyncio.Task[None]] = set()
        try:
            async for line in reader:
                task = asyncio.create_task(self._answer(line, writer))
                running.add(task)
                task.add_done_callback(running.discard)
        except ConnectionError:
            pass  # the other side is gone, which is all there is to say
        finally:
            self._watchers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        number = None
        try:
            command = json.loads(line)
            number = command.pop("id", None)
            result = await self._do(**command)
        except (ValueError, TypeError, AttributeError) as error:
            self._send(writer, {"id": number, "ok": False, "error": str(error)})
        else:
            self._box.changed()
            self._send(writer, {"id": number, "ok": True, "result": result})

    async def _do(self, do: str, **arguments: Any) -> object:
        handler = getattr(self, f"do_{do}", None)
        if handler is None:
            raise ValueError(f"no such command: {do}")
        result = handler(**arguments)
        self._box.changed()
        return await result if inspect.isawaitable(result) else result

    def _push(self, state: State) -> None:
        for writer in self._watchers:
            self._send(writer, {"state": state})

    def _send(self, writer: asyncio.StreamWriter, message: dict[str, object]) -> None:
        if not writer.is_closing():
            writer.write(json.dumps(message).encode() + b"\n")

    def _bay(self, bay: int) -> Bay:
        if not 1 <= bay <= len(self._box.bays):
            raise ValueError(f"this box has bays 1 to {len(self._box.bays)}")
        return self._box.bays[bay - 1]
