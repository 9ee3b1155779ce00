"""Runs the application in a thread of its own."""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.applications import Starlette

from sealhost.web.websocket import MAX_MESSAGE_BYTES, BoundedWebSocket

START_TIMEOUT_S = 20.0


class ServerError(Exception):
    """The HTTP interface could not start; the text says why."""


class WebServer:
    """One uvicorn in a thread. `port` is known after `start`."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        self._host = host
        self._wanted = port
        self.port = port
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            ws=BoundedWebSocket,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # what a peer inflates here would not be bounded by what it sent
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Listen and return once it accepts connections. ServerError says why it cannot."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._wanted))
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise ServerError(f"cannot listen on {self._host}:{self._wanted}: {error.strerror}") from error
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="web", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let running requests end, then stop."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(START_TIMEOUT_S)
