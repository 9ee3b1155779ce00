"""The control connection to a running virtual box, from any process and thread."""

import itertools
import json
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

State = dict[str, Any]

ANSWER_TIMEOUT_S = 30.0
PATH_LIMIT = 100
"""The kernel takes socket paths of 107 bytes; longer ones are reached through the folder's descriptor."""


class BoxError(Exception):
    """The virtual box refused a command, or is gone."""


class StillWaitingError(BoxError):
    """What was waited for did not happen in time."""


class ControlLink:
    """A connection to a running virtual box: sends commands and follows its state. For any number of threads."""

    def __init__(self, home: Path) -> None:
        self._socket = _connect(home / "control.sock")
        self._lock = threading.Condition()
        self._numbers = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._waiting: list[queue.SimpleQueue[State | None]] = []
        self._state: State | None = None
        self._gone = False
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    @property
    def state(self) -> State:
        """The box as it is now: reports may be under way, so it is asked."""
        return cast(State, self.do("state"))

    def do(self, command: str, **arguments: Any) -> Any:
        """Sends a command and returns its result. Raises BoxError with the box's own words if it refuses."""
        number = next(self._numbers)
        line = json.dumps({"id": number, "do": command, **arguments}).encode() + b"\n"
        with self._lock:
            try:
                self._socket.sendall(line)
            except OSError as error:
                raise BoxError("the virtual box is gone: see sim.log in its home") from error
            answered = self._lock.wait_for(lambda: number in self._answers or self._gone, ANSWER_TIMEOUT_S)
            answer = self._answers.pop(number, None)
        if answer is None:
            raise BoxError(f"no answer to {command}: the virtual box is {'gone' if answered else 'stuck'}")
        if not answer["ok"]:
            raise BoxError(answer["error"])
        return answer["result"]

    def wait_for(self, predicate: Callable[[State], bool], timeout_s: float, what: str = "the expected state") -> State:
        """Returns the first state, from the present one on, for which the predicate holds. None is skipped."""
        states: queue.SimpleQueue[State | None] = queue.SimpleQueue()
        self.do("state")  # its answer comes after every report of what was before
        with self._lock:
            states.put(None if self._gone else self._state)
            self._waiting.append(states)
        deadline = time.monotonic() + timeout_s
        try:
            while (state := states.get(timeout=max(0.0, deadline - time.monotonic()))) is not None:
                if predicate(state):
                    return state
        except queue.Empty:
            raise StillWaitingError(f"{what} did not come within {timeout_s} s; the box is now {self.state}") from None
        finally:
            with self._lock:
                self._waiting.remove(states)
        raise BoxError(f"the virtual box has gone while waiting for {what}: see sim.log in its home")

    def _follow(self) -> None:
        lines = self._socket.makefile("rb")
        try:
            for line in lines:
                self._take(json.loads(line))
        except OSError:
            pass  # as good as the end of the stream: the box is gone
        with self._lock:
            self._gone = True
            for states in self._waiting:
                states.put(None)
            self._lock.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        with self._lock:
            if "state" in message:
                self._state = message["state"]
                for states in self._waiting:
                    states.put(message["state"])
            else:
                self._answers[message["id"]] = message
            self._lock.notify_all()


def _connect(path: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder: int | None = None
    try:
        name = str(path)
        if len(os.fsencode(name)) > PATH_LIMIT:
            folder = os.open(path.parent, os.O_RDONLY)
            name = f"/proc/self/fd/{folder}/{path.name}"
        link.connect(name)
    except OSError as error:
        link.close()
        raise BoxError(f"no virtual box runs in {path.parent}: start one with `python -m hardware.sim run`") from error
    finally:
        if folder is not None:
            os.close(folder)
    return link
