"""The routes. Errors are JSON `{"error": name, "detail": …}` with sealwire's names; bodies are bounded as they come.

Leaves to others: TLS (a proxy in front, or the loopback), and every decision.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from sealwire import errors, limits
from sealwire.errors import SealwireError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from sealhost.core.lifecycle import State
from sealhost.services.access import MAX_BLOB_BYTES, Access, Caller
from sealhost.services.cases import Cases
from sealhost.services.enrolments import Enrolments
from sealhost.services.views import Views
from sealhost.web.cases import case_routes
from sealhost.web.openapi import route as described
from sealhost.web.relay import Relay

MAX_JSON_BYTES = 4096

_STATUS = {
    errors.BAD_TOKEN: 401,
    errors.UNKNOWN_SIGNER: 403,
    errors.SIGNER_NOT_VALID: 403,
    errors.UNSUPPORTED_KEY_KIND: 403,
    errors.BAD_SIGNATURE: 403,
    errors.WRONG_ROLE: 403,
    errors.WRONG_SITE: 403,
    errors.UNKNOWN_REQUEST: 404,
    errors.UNKNOWN_BOX: 404,
    errors.NO_ROSTER: 404,
    errors.TOO_LARGE: 413,
    errors.TOO_FAST: 429,
}

Export = Callable[[bytes], Path]
"""Writes a site's bundle to a new file, which the caller removes."""


class Api:
    """The handlers."""

    def __init__(
        self,
        access: Access,
        views: Views,
        health: Callable[[], dict[str, Any]],
        export: Export | None,
        enrolments: Enrolments | None,
        cases: Cases | None = None,
    ):
        self._access = access
        self._cases = cases
        self._enrolments = enrolments
        self._views = views
        self._health = health
        self._export = export

    def routes(self) -> list[Route]:
        """All routes."""
        site = "/api/sites/{site}"
        return [
            Route("/healthz", self.healthz),
            described(),
            Route("/api/session/challenge", self.challenge, methods=["POST"]),
            Route("/api/session", self.sign_in, methods=["POST"]),
            Route(f"{site}/blobs/{{digest}}", self.put_blob, methods=["PUT"]),
            Route(f"{site}/blobs/{{digest}}", self.get_blob),
            Route(f"{site}/roster", self.roster),
            Route(f"{site}/matters", self._shows(self._views.matters)),
            Route(f"{site}/boxes", self._shows(self._views.boxes)),
            Route(f"{site}/boxes/{{box}}/entries", self.entries),
            Route(f"{site}/ledger", self._shows(self._views.ledger)),
            Route(f"{site}/requests", self.requests),
            Route(f"{site}/requests/{{reference}}", self.request),
            Route(f"{site}/export", self.export),
            *([] if self._enrolments is None else _enrolling(self._enrolments, site, self._caller)),
            *([] if self._cases is None else case_routes(self._cases, site, self._caller, _json)),
        ]

    async def healthz(self, request: Request) -> Response:
        """Whether this host works; 503 while it has no broker."""
        health = self._health()
        return JSONResponse(health, 200 if health["ok"] else 503)

    async def challenge(self, request: Request) -> Response:
        """Give a key a challenge to sign."""
        self._access.admit(_address(request))
        fields = await _json(request)
        site = _bytes(fields["site"], 16, "site") if "site" in fields else None
        kid = _bytes(fields.get("kid"), 16, "kid")
        challenge = await run_in_threadpool(self._access.challenge, kid, site)
        return JSONResponse({"challenge": challenge.hex(), "host": self._access.host.hex()})

    async def sign_in(self, request: Request) -> Response:
        """Take a signed challenge, give a token."""
        self._access.admit(_address(request))
        fields = await _json(request)
        kid = _bytes(fields.get("kid"), 16, "kid")
        challenge = _bytes(fields.get("challenge"), 32, "challenge")
        signature = _bytes(fields.get("signature"), 64, "signature")
        token, expires = await run_in_threadpool(self._access.sign_in, kid, challenge, signature)
        login = self._access.broker_login(kid)
        lacks = await run_in_threadpool(self._access.lacks)
        more = {"broker": login, "lacks": lacks}
        given = {name: value for name, value in more.items() if value is not None}
        return JSONResponse({"token": token, "expires": expires} | given)

    async def put_blob(self, request: Request) -> Response:
        """Keep a file."""
        caller = await self._caller(request)
        digest = _bytes(request.path_params["digest"], 32, "digest")
        body = await _body(request, MAX_BLOB_BYTES)
        await run_in_threadpool(self._access.put_blob, caller, digest, body)
        return JSONResponse({"digest": digest.hex()}, 201)

    async def get_blob(self, request: Request) -> Response:
        """Give a file; never to be shown by a browser as anything but bytes."""
        caller = await self._caller(request)
        digest = _bytes(request.path_params["digest"], 32, "digest")
        try:
            body = await run_in_threadpool(self._access.blob, caller.site, digest)
        except SealwireError as error:
            raise _http(404, error.name) from error
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=31536000, immutable"}
        return Response(body, media_type="application/octet-stream", headers=headers)

    async def roster(self, request: Request) -> Response:
        """The newest roster; with `since`, those after that version too."""
        caller = await self._caller(request)
        if "since" not in request.query_params:
            return JSONResponse(await run_in_threadpool(self._views.roster, caller.site))
        since = _number(request.query_params["since"], "since")
        return JSONResponse(await run_in_threadpool(self._views.rosters_since, caller.site, since))

    async def entries(self, request: Request) -> Response:
        """Some entries of a box's log."""
        caller = await self._caller(request)
        box = _bytes(request.path_params["box"], 16, "box")
        first, last = (_number(request.query_params.get(name), name) for name in ("first", "last"))
        return JSONResponse(await run_in_threadpool(self._views.entries, caller.site, box, first, last))

    async def requests(self, request: Request) -> Response:
        """The newest requests."""
        caller = await self._caller(request)
        state = request.query_params.get("state")
        if state is not None and state not in list(State):
            raise _http(400, errors.name_of(errors.VALUE_RANGE), f"state: one of {', '.join(State)}")
        found = await run_in_threadpool(self._views.requests, caller.site, state)
        return JSONResponse(found)

    async def request(self, request: Request) -> Response:
        """One request."""
        caller = await self._caller(request)
        reference = _bytes(request.path_params["reference"], 32, "reference")
        return JSONResponse(await run_in_threadpool(self._views.request, caller.site, reference))

    async def export(self, request: Request) -> Response:
        """A site's bundle."""
        caller = await self._caller(request)
        if self._export is None:
            raise _http(503, "not_available")
        path = await run_in_threadpool(self._export, caller.site)
        name = f"sealbox-{caller.site.hex()}.zip"
        return FileResponse(
            path, media_type="application/zip", filename=name, background=BackgroundTask(path.unlink, missing_ok=True)
        )

    def _shows(self, view: Callable[[bytes], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def handler(request: Request) -> Response:
            caller = await self._caller(request)
            return JSONResponse(await run_in_threadpool(view, caller.site))

        return handler

    async def _caller(self, request: Request) -> Caller:
        """Who asks, for the site that the path names."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token or len(token) > 100:
            raise _http(401, errors.name_of(errors.BAD_TOKEN), "sign in first: POST /api/session/challenge")
        caller = await run_in_threadpool(self._access.caller, token)
        if caller.site != _bytes(request.path_params["site"], 16, "site"):
            raise _http(403, errors.name_of(errors.WRONG_SITE))
        return caller


def _enrolling(enrolments: Enrolments, site: str, caller_of: Callable[[Request], Awaitable[Caller]]) -> list[Route]:
    """What a new key may do without being known, and what the authority alone sees."""

    async def take(request: Request) -> Response:
        place = _bytes(request.path_params["site"], 16, "site")
        enrolments.admit(request.client.host if request.client else "")
        raw = await _body(request, limits.PERSONAL_MESSAGE)
        await run_in_threadpool(enrolments.take, place, raw)
        return JSONResponse({}, 201)

    async def waiting(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(enrolments.waiting, await caller_of(request)))

    async def refuse(request: Request) -> Response:
        caller = await caller_of(request)
        await run_in_threadpool(enrolments.refuse, caller, _bytes(request.path_params["kid"], 16, "kid"))
        return Response(status_code=204)

    async def rosters(request: Request) -> Response:
        return JSONResponse({"messages": await run_in_threadpool(enrolments.rosters, await caller_of(request))})

    return [
        Route(f"{site}/enrolments", take, methods=["POST"]),
        Route(f"{site}/enrolments", waiting),
        Route(f"{site}/enrolments/{{kid}}", refuse, methods=["DELETE"]),
        Route(f"{site}/rosters/waiting", rosters),
    ]


def create_app(
    access: Access,
    views: Views,
    health: Callable[[], dict[str, Any]],
    export: Export | None = None,
    relay: Relay | None = None,
    pages: BaseRoute | None = None,
    origins: Sequence[str] = (),
    enrolments: Enrolments | None = None,
    cases: Cases | None = None,
    *,
    more: Sequence[BaseRoute] = (),
) -> Starlette:
    """The application. `pages` is the app served from here, `origins` those of apps served from elsewhere."""
    api = Api(access, views, health, export, enrolments, cases)

    async def refused(request: Request, error: SealwireError) -> Response:
        access.refused(error.name)
        return await _refused(request, error)

    handlers: dict[Any, Any] = {SealwireError: refused, HTTPException: _failed}
    routes: list[BaseRoute] = [*api.routes(), *more]
    if relay is not None:
        routes.append(WebSocketRoute("/mqtt", relay.serve))
    if pages is not None:
        routes.append(pages)
    # No cookies, hence no credentials: a page elsewhere must hold a key of the roster to learn anything.
    foreign = Middleware(
        CORSMiddleware,
        allow_origins=[origin.rstrip("/") for origin in origins],
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["Date"],  # by which the app finds out that its own clock is wrong
        max_age=3600,
    )
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[foreign] if origins else [])


def _address(request: Request) -> str:
    """Whom a call counts for. Behind a web server on this machine that is whom it forwards for."""
    return request.client.host if request.client else ""


def _http(status: int, error: str, detail: str = "") -> HTTPException:
    return HTTPException(status, json.dumps({"error": error, "detail": detail}))


async def _refused(request: Request, error: SealwireError) -> Response:
    return JSONResponse({"error": error.name, "detail": error.detail}, _STATUS.get(error.reason, 400))


async def _failed(request: Request, error: HTTPException) -> Response:
    try:
        content = json.loads(error.detail)
    except ValueError:
        content = {"error": error.detail.lower().replace(" ", "_"), "detail": ""}
    return JSONResponse(content, error.status_code, headers=error.headers)


async def _body(request: Request, most: int) -> bytes:
    """The body, read only as far as it is allowed to be long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _http(413, errors.name_of(errors.TOO_LARGE), f"at most {most} bytes")
    return bytes(body)


async def _json(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(await _body(request, MAX_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise _http(400, "bad_json") from error
    if not isinstance(fields, dict):
        raise _http(400, "bad_json", "an object is expected")
    return fields


def _bytes(text: object, size: int, name: str) -> bytes:
    """Bytes of a hex text of exactly `size` bytes."""
    if isinstance(text, str) and len(text) == 2 * size:
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    raise _http(400, errors.name_of(errors.LENGTH_RANGE), f"{name}: {2 * size} hex digits")


def _number(text: str | None, name: str) -> int:
    """A version or seq, 0 to 2^31-1."""
    if text is not None and text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) < 1 << 31:
        return int(text)
    raise _http(400, errors.name_of(errors.VALUE_RANGE), f"{name}: 0 to {(1 << 31) - 1}")
