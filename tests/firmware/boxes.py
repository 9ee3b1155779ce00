"""Virtual boxes for tests, running a firmware that does what the test tells it over the USB console."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import serial

from hardware.sim import VirtualBox
from tests import vms

AGENT = Path(__file__).parent / "vm" / "sim_agent.py"
ANSWER_TIMEOUT_S = 20


class AgentError(Exception):
    """What was evaluated in the VM raised; the text is that exception's repr."""


class Agent:
    """The other end of vm/sim_agent.py: a Python prompt inside the box."""

    def __init__(self, console_path: str) -> None:
        self._serial = serial.Serial(console_path, timeout=ANSWER_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._serial.close()

    def __call__(self, expression: str) -> Any:
        """Evaluates an expression in the VM, awaits it if it can be awaited, and returns the value."""
        self.send(expression)
        return self.answer()

    def send(self, expression: str) -> None:
        self._serial.write(expression.encode() + b"\n")

    def answer(self) -> Any:
        """The answer to the oldest expression sent; lines that the VM printed besides are skipped."""
        while line := self._serial.readline():
            if line.startswith(b"= "):
                return ast.literal_eval(line[2:].decode())
            if line.startswith(b"! "):
                raise AgentError(line[2:].decode().strip())
        raise AssertionError("the VM did not answer")


@contextmanager
def agent_box(home: Path, **settings: Any) -> Iterator[tuple[VirtualBox, Agent]]:
    """A box with power and the agent running in it."""
    with (
        VirtualBox(home, main=AGENT, modules=vms.compiled_modules(), **settings) as box,
        Agent(box.console_path) as agent,
    ):
        boot(box)
        yield box, agent


def boot(box: VirtualBox, timeout: float = 20) -> None:
    """Gives the box power again and waits for the agent."""
    box.power_on()
    box.wait_display("agent ready", timeout)
