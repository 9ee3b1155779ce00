"""A page with hands on the demo's virtual box: press, jam, cut the power. Served by the demo on this machine alone.

Guarantees: only who knows the page's address (it holds a secret) can do anything, and only from this page: a request
that names another host or comes from another page is refused. No host and no real box has anything like it.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hardware.sim import VirtualBox
from hardware.sim.link import BoxError

FILES = {
    "": ("hands.html", "text/html; charset=utf-8"),
    "hands.js": ("hands.js", "text/javascript; charset=utf-8"),
    "hands.css": ("hands.css", "text/css; charset=utf-8"),
}
FOLDER = Path(__file__).parent / "samples" / "hands"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"


class Hands:
    """The page, from `start` until `stop`."""

    def __init__(self, box: VirtualBox) -> None:
        self._box = box
        self._secret = secrets.token_urlsafe(12)
        hands = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hands.get(self)

            def do_POST(self) -> None:
                hands.post(self)

            def log_message(self, *_: object) -> None:
                """The demo's terminal is for people."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-hands", daemon=True)

    @property
    def origin(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The page's address."""
        return f"{self.origin}/{self._secret}/"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def get(self, asked: BaseHTTPRequestHandler) -> None:
        """One of the page's files, or the box's state."""
        name = self._name(asked)
        if name == "state":
            state = self._box.state
            shown = {key: state[key] for key in ("powered", "vm", "display", "bays")}
            _answer(asked, HTTPStatus.OK, "application/json", json.dumps(shown).encode())
        elif name in FILES:
            file, kind = FILES[name]
            _answer(asked, HTTPStatus.OK, kind, (FOLDER / file).read_bytes())
        else:
            _answer(asked, HTTPStatus.NOT_FOUND, "text/plain", b"")

    def post(self, asked: BaseHTTPRequestHandler) -> None:
        """One thing that hands can do: do/<what>[/<bay>]."""
        words = (self._name(asked) or "").split("/")
        if asked.headers.get("Origin") != self.origin or words[0] != "do" or len(words) not in (2, 3):
            _answer(asked, HTTPStatus.FORBIDDEN, "text/plain", b"")
            return
        try:
            result = self._do(words[1], int(words[2]) if len(words) == 3 else 0)
        except (BoxError, KeyError, ValueError) as error:
            _answer(asked, HTTPStatus.BAD_REQUEST, "application/json", json.dumps({"error": str(error)}).encode())
            return
        _answer(asked, HTTPStatus.OK, "application/json", json.dumps({"result": result}).encode())

    def _do(self, what: str, bay: int) -> Any:
        """Raises KeyError for what hands cannot do, BoxError for what the box does not let them do."""
        box = self._box
        whole: dict[str, Callable[[], object]] = {
            "cut-power": box.cut_power, "give-power": box.power_on, "button": box.press_button, "tamper": box.tamper,
        }  # fmt: skip
        of_bay: dict[str, Callable[[int], object]] = {"press": box.press, "jam": box.jam, "unjam": box.unjam}
        return of_bay[what](bay) if bay else whole[what]()

    def _name(self, asked: BaseHTTPRequestHandler) -> str | None:
        """What is asked for below the secret; None for anybody who does not know it, or asks by another name."""
        if asked.headers.get("Host") != self.origin.removeprefix("http://"):
            return None
        secret, _, name = asked.path.removeprefix("/").partition("/")
        return name if secrets.compare_digest(secret.encode(), self._secret.encode()) else None


def _answer(asked: BaseHTTPRequestHandler, status: HTTPStatus, kind: str, body: bytes) -> None:
    asked.send_response(status)
    for name, value in (
        ("Content-Type", kind),
        ("Content-Length", str(len(body))),
        ("Content-Security-Policy", POLICY),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ):
        asked.send_header(name, value)
    asked.end_headers()
    asked.wfile.write(body)
