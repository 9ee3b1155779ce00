"""The host's HTTP interface as people use it: sign-in, files by digest, and what the host knows.

Guarantees: a sign-in is good for the host that it names and no other; a host that the roster held does not list is
given nothing, and asked for nothing but its roster; a file is checked against its digest before anyone sees it; the
token stays in memory. Everything else that comes from here is only what the host says: callers check signatures through
`sealhost.client.trust`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import ssl
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Self

import httpx
from sealwire import limits

from sealhost.client.errors import ClientError
from sealhost.client.profile import Profile

TIMEOUT_S = 20.0
MAX_BLOB_BYTES = 8 * 1024 * 1024  # what the host takes; a photograph of a page has a tenth of it


class Api:
    """One person's conversation with the host. Use as a context manager.

    `hosts` gives the kids of the hosts that the roster held lists, none when there is no roster yet.
    """

    def __init__(
        self, profile: Profile, hosts: Callable[[], Collection[bytes]] = tuple, client: httpx.Client | None = None
    ) -> None:
        self._profile = profile
        self._hosts = hosts
        self._host = b""
        self._site = profile.site.hex()
        self._client = client
        self._token: str | None = None
        self._broker: tuple[str, str] | None = None
        self._lacks: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()

    @property
    def _http(self) -> httpx.Client:
        """The connection, made when it is first needed: much can be done without a host."""
        if self._client is None:
            settings = self._profile.settings
            if not settings.host_url:
                raise ClientError("no_host_url")
            try:
                trusted = ssl.create_default_context(cafile=settings.ca_file or None)
                self._client = httpx.Client(base_url=settings.host_url, timeout=TIMEOUT_S, verify=trusted)
            except (httpx.InvalidURL, ValueError, OSError) as error:
                raise ClientError("bad_host_url", detail=error) from error
        return self._client

    # --- what the host knows ---

    def roster(self) -> list[bytes]:
        """The messages of the site's current roster; empty when the host has none.

        Any host may give it, as the authority signed it: else nobody would hear of a new host.
        """
        answer = self._send("GET", f"/api/sites/{self._site}/roster", missing_ok=True, any_host=True)
        return [] if answer is None else _messages(_object(answer).get("messages"))

    def rosters_since(self, version: int) -> list[list[bytes]]:
        """The messages of each roster after a version, oldest first; the host gives some 64 at once."""
        path = f"/api/sites/{self._site}/roster"
        answer = self._send("GET", path, missing_ok=True, any_host=True, params={"since": version})
        items = [] if answer is None else _objects(_object(answer), "rosters")
        return [_messages(item.get("messages")) for item in items]

    def entries(self, box: bytes, first: int, last: int) -> list[bytes]:
        """The entries of a box's log from `first` on, as many as the host has and gives at once."""
        path = f"/api/sites/{self._site}/boxes/{box.hex()}/entries"
        answer = self._send("GET", path, missing_ok=True, params={"first": first, "last": last})
        return [] if answer is None else _messages(_object(answer).get("entries"))

    def matters(self) -> list[bytes]:
        """The messages of the matter list."""
        answer = self._send("GET", f"/api/sites/{self._site}/matters", missing_ok=True)
        return [] if answer is None else _messages(_object(answer).get("messages"))

    def boxes(self) -> list[dict[str, Any]]:
        """What the host says of the site's boxes: dicts with kid, checkpoint (base64 or None) and online."""
        return _objects(self._json("GET", f"/api/sites/{self._site}/boxes"), "boxes")

    def requests(self, state: str | None = None) -> list[dict[str, Any]]:
        """What the host says of requests, of one state or all."""
        query = {} if state is None else {"state": state}
        return _objects(self._json("GET", f"/api/sites/{self._site}/requests", params=query), "requests")

    def request(self, reference: bytes) -> dict[str, Any] | None:
        """What the host says of one request, None when it knows none."""
        answer = self._send("GET", f"/api/sites/{self._site}/requests/{reference.hex()}", missing_ok=True)
        return None if answer is None else _object(answer)

    def ledger(self) -> Any:
        """The register of seal use as the host writes it."""
        return self._json("GET", f"/api/sites/{self._site}/ledger")

    def cases(self, open_only: bool = False) -> list[dict[str, Any]]:
        """What the host says must be looked at: dicts with id, kind, opened, closed, request, box, detail."""
        query = {"state": "open"} if open_only else {}
        return _objects(self._json("GET", f"/api/sites/{self._site}/cases", params=query), "cases")

    def close_case(self, number: str, reason: str) -> dict[str, Any]:
        """Close a case; the host refuses whoever may not."""
        path = f"/api/sites/{self._site}/cases/{number}/close"
        try:
            answer = self._send("POST", path, json={"reason": reason})
        except ClientError as error:
            if error.key == "sign_in_refused" and self._token is not None:
                raise ClientError("case_not_yours") from error
            raise
        assert answer is not None
        return _object(answer)

    def enrolments(self) -> list[bytes]:
        """The enrolments that came to the host, for an authority key; each still to be checked and compared."""
        rows = _objects(self._json("GET", f"/api/sites/{self._site}/enrolments"), "enrolments")
        return _messages([row.get("message") for row in rows])

    def refuse_enrolment(self, kid: bytes) -> None:
        """Have the host forget an enrolment."""
        self._send("DELETE", f"/api/sites/{self._site}/enrolments/{kid.hex()}")

    def broker_login(self) -> tuple[str, str] | None:
        """(user, password) at the broker, as the host gives it out with a sign-in; None when it gives none.

        Signs in if that was not done yet. ClientError when that fails.
        """
        if self._token is None:
            self._token = self._signed_in(True)
        return self._broker

    # --- files by digest ---

    def put_blob(self, digest: str, body: bytes) -> None:
        """Give the host a salted file. Putting the same again changes nothing."""
        self._send("PUT", f"/api/sites/{self._site}/blobs/{digest}", content=body)

    def get_blob(self, digest: str) -> bytes | None:
        """The content of a salted file without its salt, None when the host has none. ClientError: wrong_digest."""
        answer = self._send("GET", f"/api/sites/{self._site}/blobs/{digest}", missing_ok=True)
        return None if answer is None else unsalted(answer.content, digest)

    # --- plumbing ---

    def _json(self, method: str, path: str, **options: Any) -> Any:
        answer = self._send(method, path, **options)
        assert answer is not None
        return _parsed(answer)

    def _send(
        self, method: str, path: str, missing_ok: bool = False, any_host: bool = False, **options: Any
    ) -> httpx.Response | None:
        answer = self._attempt(method, path, self._signed_in(any_host), options)
        if answer.status_code == 401:
            self._token = None
            answer = self._attempt(method, path, self._signed_in(any_host), options)
        if answer.status_code == 404 and missing_ok:
            return None
        return _good(answer)

    def _attempt(self, method: str, path: str, token: str | None, options: dict[str, Any]) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            return self._http.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise ClientError("host_unreachable", url=self._http.base_url, detail=type(error).__name__) from error

    def _signed_in(self, any_host: bool) -> str:
        token = self._token or self._sign_in()
        listed = self._hosts()
        if listed and self._host not in listed and not any_host:
            raise ClientError("host_not_in_roster", kid=self._host.hex())
        self._token = token
        self._send_again()
        return token

    def _send_again(self) -> None:
        """A host whose database came from a backup says since when it may lack messages: they are queued once more."""
        lacks, self._lacks = self._lacks, None
        if isinstance(lacks, dict) and isinstance(lacks.get("since"), int):
            epoch = f"{self._host.hex()} {lacks.get('epoch')}".encode()
            if self._profile.recall("epoch") != epoch:
                self._profile.again(lacks["since"])
                self._profile.remember("epoch", epoch)

    def _sign_in(self) -> str:
        signer = self._profile.signer
        asked = _object(
            _good(self._attempt("POST", "/api/session/challenge", None, {"json": {"kid": signer.kid.hex()}}))
        )
        try:
            challenge, self._host = (bytes.fromhex(str(asked.get(name, ""))) for name in ("challenge", "host"))
        except ValueError as error:
            raise ClientError("odd_answer", detail="challenge") from error
        signature = signer.sign(sign_in_text(self._profile.site, self._host, challenge))
        fields = {"kid": signer.kid.hex(), "challenge": challenge.hex(), "signature": signature.hex()}
        answer = _object(_good(self._attempt("POST", "/api/session", None, {"json": fields})))
        self._lacks = answer.get("lacks")
        login = answer.get("broker")
        if isinstance(login, dict):
            self._broker = str(login.get("user", "")), str(login.get("password", ""))
        return str(answer.get("token"))


def sign_in_text(site: bytes, host: bytes, challenge: bytes) -> bytes:
    """What a sign-in signs. No message's Sig_structure (0x84 ...) starts like it, so neither passes for the other."""
    return b"sealbox/1/sign-in/" + site.hex().encode() + b"/" + host.hex().encode() + b"/" + challenge


def salted(content: bytes) -> tuple[str, bytes]:
    """(digest in hex, body) of a file as it goes to the host: 16 random bytes, then the content.

    ClientError: file_too_large.
    """
    body = os.urandom(limits.SALT) + content
    if len(body) > MAX_BLOB_BYTES:
        raise ClientError("file_too_large", most=MAX_BLOB_BYTES // 1024 // 1024)
    return hashlib.sha256(body).hexdigest(), body


def unsalted(body: bytes, digest: str) -> bytes:
    """The content of a salted file. ClientError: wrong_digest, when it is not what the digest names."""
    if hashlib.sha256(body).hexdigest() != digest or len(body) < limits.SALT:
        raise ClientError("wrong_digest")
    return body[limits.SALT :]


def decode_message(text: object) -> bytes | None:
    """Bytes of a base64 text from the host, None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _messages(items: object) -> list[bytes]:
    decoded = [decode_message(item) for item in items] if isinstance(items, list) else [None]
    found = [raw for raw in decoded if raw is not None]
    if len(found) != len(decoded):
        raise ClientError("odd_answer", detail="messages")
    return found


def _good(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        said = answer.json()
    except json.JSONDecodeError:
        said = {}
    error = said.get("error", "") if isinstance(said, dict) else ""
    if answer.status_code in (401, 403):
        raise ClientError("sign_in_refused", error=error or answer.status_code)
    raise ClientError("host_error", status=answer.status_code, error=error)


def _parsed(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except json.JSONDecodeError as error:
        raise ClientError("odd_answer", detail="JSON") from error


def _object(answer: httpx.Response) -> dict[str, Any]:
    value = _parsed(answer)
    if not isinstance(value, dict):
        raise ClientError("odd_answer", detail="JSON")
    return value


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    items = value.get(name) if isinstance(value, dict) else value
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ClientError("odd_answer", detail=name)
    return items
