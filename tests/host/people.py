"""A site in a test: its people's profile folders, and a stand-in host and box on a real broker and real HTTP.

The stand-ins sign what the real ones sign and check next to nothing; what they heard can be looked at.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import typer
from sealhost.client.profile import Profile, Settings
from sealhost.links import Message as Mail
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.signing import keys
from sealwire import chain, messages, topics
from typer.testing import CliRunner, Result

from tests.brokers import Broker

SITE = bytes(range(16))
WAIT_S = 20.0
KEEPER, FIRST, SECOND = "keeper", "first", "second"
PEOPLE = {KEEPER: (1, "王芳", 1 << 1), FIRST: (2, "李强", 1 << 2), SECOND: (3, "陈静", 1 << 2)}
MATTER = 101


def rule(**changes: Any) -> dict[str, Any]:
    """The bay's one rule: two officers."""
    fields: dict[str, Any] = {
        "number": 1,
        "matters": [MATTER, 102],
        "raiser": 1,
        "groups": [{"role": 2, "least": 2}],
        "denials": 1,
        "impressions": 5,
        "open_seconds": 60,
        "wait_seconds": 86400,
        "use_seconds": 3600,
        "break_glass": 0,
    }
    return fields | changes


@dataclass
class Site:
    """Keys of everybody, the roster, and people's folders below `folder`."""

    folder: Path
    authority: keys.Signer = field(default_factory=keys.generate)
    host: keys.Signer = field(default_factory=keys.generate)
    box: keys.Signer = field(default_factory=keys.generate)
    profiles: dict[str, Profile] = field(default_factory=dict)
    broker_url: str = ""
    host_url: str = ""

    def settings(self, name: str) -> Settings:
        """A person's settings."""
        return Settings(SITE, (self.authority.public_key,), 1, self.broker_url, self.host_url, name)

    def enrol(self) -> None:
        """Make everybody's folder."""
        for key in PEOPLE:
            self.profiles[key] = Profile.make(self.folder / key, self.settings(PEOPLE[key][1]))

    def roster_fields(self, version: int = 1, **changes: Any) -> dict[str, Any]:
        """The roster of this site."""
        fields: dict[str, Any] = {
            "version": version,
            "issued": int(time.time()),
            "authority": [self.authority.public_key],
            "threshold": 1,
            "people": [
                {
                    "number": number,
                    "name": name,
                    "roles": roles,
                    "from": 0,
                    "until": 4_000_000_000,
                    "keys": [b"\x01" + self.profiles[key].signer.public_key] if key in self.profiles else [],
                }
                for key, (number, name, roles) in PEOPLE.items()
            ],
            "hosts": [self.host.public_key],
            "boxes": [{"public": self.box.public_key, "bays": [{"number": 1, "seal": "居委会", "rules": 2}]}],
            "rules": [rule()],
            "matters": bytes(32),
            "releases": [],
        }
        return fields | changes

    def roster(self, version: int = 1, **changes: Any) -> bytes:
        """The signed roster."""
        return sign(self.authority, messages.ROSTER, self.roster_fields(version, **changes))


def sign(signer: keys.Signer, number: int, fields: dict[str, Any], site: bytes = SITE) -> bytes:
    """A signed message."""
    return messages.build(number, fields, site, signer.public_key, signer.sign)


class StandIn:
    """Host and box in one: answers each message with the receipt `results` has for its type (accepted by default)."""

    def __init__(self, site: Site, broker: Broker) -> None:
        self.site = site
        self.results: dict[int, int] = {}
        self.first_results: list[int] = []  # given before those
        self.silent = False
        self.web_kid = site.host.kid  # which host it says it is, over HTTP
        self.on_message: Callable[[], object] = lambda: None  # called for each message heard
        self.heard: list[messages.Message] = []
        self.to_box: list[bytes] = []
        self.blobs: dict[str, bytes] = {}
        self.rosters: list[bytes] = [site.roster()]
        self.rosters_between: list[bytes] = []
        self.entries: list[bytes] = []  # of the box's log, published or not
        self.requests: dict[bytes, list[bytes]] = {}
        self.head = chain.genesis(SITE)
        self.seq = 0
        self.offline = False
        self._lock = threading.Lock()
        self._link = MqttLink(BrokerAddress(broker.host, broker.port), "stand-in")
        self._link.subscribe(f"sealbox/1/{SITE.hex()}/host/in/+", self._on_message)
        self._link.subscribe(topics.box_in_filter(SITE, site.box.kid), self._on_box)
        self._link.start()
        assert self._link.wait_connected(WAIT_S)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """End it."""
        self._link.stop()
        self.close_web()

    def close_web(self) -> None:
        """End the HTTP side only. Safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    # --- host ---

    def receipt(self, signer: keys.Signer, reference: bytes, result: int, to: bytes) -> None:
        """Send a receipt."""
        fields = {"reference": reference, "result": result, "at": int(time.time())}
        self._link.publish(topics.inbox(SITE, to), sign(signer, messages.RECEIPT, fields))

    def _on_message(self, mail: Mail) -> None:
        parsed = topics.parse(mail.topic)
        assert parsed is not None
        assert parsed[3] is not None
        message = messages.read(mail.payload, SITE)
        with self._lock:
            self.heard.append(message)
        self.on_message()
        if self.silent:
            return
        if message.number == messages.REQUEST:
            self.requests[message.reference] = [mail.payload]
        elif message.number == messages.DECISION:
            self.requests[message["request"]].append(mail.payload)
        result = self.first_results.pop(0) if self.first_results else self.results.get(message.number, 0)
        self.receipt(self.site.host, message.reference, result, parsed[3])

    def wait_in_inbox(self, person: str, request: bytes) -> None:
        """Put a request into a person's inbox, retained."""
        message = messages.read(request, SITE)
        kid = self.site.profiles[person].signer.kid
        delivery = self._link.publish(topics.inbox_waiting(SITE, kid, message.reference), request, retain=True)
        assert delivery.wait(WAIT_S)

    def said(self, number: int) -> list[messages.Message]:
        """What was heard of one type."""
        with self._lock:
            return [message for message in self.heard if message.number == number]

    # --- box ---

    def log(self, entries: Iterable[bytes], *, publish: bool = True) -> None:
        """Write entries to the box's log and publish them."""
        raws = list(entries)
        first = self.seq + 1
        for raw in raws:
            self.entries.append(raw)
            self.seq += 1
            self.head = chain.next_head(self.head, raw)
        if publish:
            item = messages.build_item(messages.ENTRIES, {"first": first, "entries": raws})
            self._link.publish(topics.box_out(SITE, self.site.box.kid), item)

    def checkpoint(self, **changes: Any) -> bytes:
        """A signed checkpoint of the log as it stands, published on `out` and retained as status."""
        fields = {
            "boot": 1,
            "seq": self.seq,
            "head": self.head,
            "clock": int(time.time()),
            "clock_set": 1,
            "roster": 1,
            "firmware": "1.0",
        }
        raw = sign(self.site.box, messages.CHECKPOINT, fields | changes)
        self._link.publish(topics.box_status(SITE, self.site.box.kid), raw, retain=True).wait(WAIT_S)
        self._link.publish(topics.box_out(SITE, self.site.box.kid), raw).wait(WAIT_S)
        return raw

    def _on_box(self, mail: Mail) -> None:
        with self._lock:
            self.to_box.append(mail.payload)
        if messages.is_item(mail.payload) and not self.offline:
            number, fields = messages.read_item(mail.payload)
            assert number == messages.ASK
            challenge = {
                "bay": fields["bay"],
                "boot": 1,
                "nonce": b"\x07" * 32,
                "seq": self.seq,
                "head": self.head,
                "roster": 1,
            }
            out = topics.box_out(SITE, self.site.box.kid)
            self._link.publish(out, sign(keys.generate(), messages.CHALLENGE, challenge))  # somebody else's first
            self._link.publish(out, sign(self.site.box, messages.CHALLENGE, challenge))


def _handler(host: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            asked = json.loads(self.rfile.read(size))
            if self.path.endswith("/challenge"):
                self.answer(200, {"challenge": "ab" * 32, "host": host.web_kid.hex()})
                return
            named = f"sealbox/1/sign-in/{SITE.hex()}/{host.web_kid.hex()}/".encode()
            signed = named + bytes.fromhex(asked["challenge"])
            known = [profile.signer for profile in host.site.profiles.values()] + [host.site.authority]
            signer = next((one for one in known if one.kid.hex() == asked["kid"]), None)
            if signer is None or not keys.verify(signer.public_key, signed, bytes.fromhex(asked["signature"])):
                self.answer(403, {"error": "unknown_signer"})
                return
            self.answer(200, {"token": "t-" + asked["kid"], "expires": int(time.time()) + 60})

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.allowed():
                host.blobs[self.path.rsplit("/", 1)[1]] = body
                self.answer(201, {})

        def do_GET(self) -> None:
            if not self.allowed():
                return
            path = self.path.partition("?")[0].removeprefix(f"/api/sites/{SITE.hex()}/")
            name, _, rest = path.partition("/")
            if name == "blobs":
                body = host.blobs.get(rest)
                self.answer(404, {"error": "unknown_details"}) if body is None else self.send(200, body)
            elif name == "roster":
                fields = {"version": 1, "messages": [_b64(raw) for raw in host.rosters]}
                items = [{"version": 0, "messages": [_b64(raw)]} for raw in host.rosters_between]
                if "since=" in self.path:
                    fields["rosters"], host.rosters_between = items, []
                self.answer(200, fields)
            elif name == "boxes" and rest:
                first = int(self.path.partition("first=")[2].partition("&")[0])
                self.answer(200, {"first": first, "entries": [_b64(raw) for raw in host.entries[first - 1 :]]})
            elif name == "boxes":
                self.answer(200, {"boxes": [{"kid": host.site.box.kid.hex(), "checkpoint": None, "online": False}]})
            elif name == "requests" and rest:
                found = host.requests.get(bytes.fromhex(rest))
                if found is None:
                    self.answer(404, {"error": "unknown_request"})
                else:
                    self.answer(200, {"state": "waiting", "messages": [_b64(raw) for raw in found]})
            elif name == "requests":
                items = [{"messages": [_b64(raw) for raw in raws]} for raws in host.requests.values()]
                self.answer(200, {"requests": items})
            else:
                self.answer(404, {"error": "not_found"})

        def allowed(self) -> bool:
            if self.headers.get("Authorization", "").startswith("Bearer t-"):
                return True
            self.answer(401, {"error": "unauthorized"})
            return False

        def answer(self, status: int, value: Any) -> None:
            self.send(status, json.dumps(value).encode())

        def send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def origin(site: Site) -> bytes:
    """A log's first entry."""
    fields = {"box": site.box.public_key, "site": SITE, "authority": [site.authority.public_key], "threshold": 1}
    return chain.build_entry(chain.ORIGIN, int(time.time()), fields)


def run(app: typer.Typer, home: Path, *arguments: str) -> Result:
    """One command of an app, as from a shell."""
    command, *rest = arguments
    return CliRunner().invoke(app, [command, "--home", str(home), *rest], catch_exceptions=False)


def run_json(app: typer.Typer, home: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """One command with --json: its one object."""
    result = run(app, home, *arguments, "--json")
    assert result.exit_code == code, result.output
    value: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return value


def wait_for(condition: Any) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.01)
