"""The HTTP interface as an OpenAPI 3.1 document, for who writes clients and for the tests that hold the host to it.

Guarantees: a test fails when a route is missing here, or answers otherwise than it says.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Schema = dict[str, Any]


def _hex(size: int) -> Schema:
    return {"type": "string", "pattern": f"^[0-9a-fA-F]{{{2 * size}}}$"}


def _object(**fields: Schema) -> Schema:
    """All of these must be there; more may come later."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


INTEGER, BOOLEAN, TEXT = {"type": "integer"}, {"type": "boolean"}, {"type": "string"}
BASE64 = {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}
SIGNED = {**BASE64, "description": "A signed message (COSE_Sign1) as it came."}
STATES = {
    "type": "string",
    "enum": ["waiting", "approved", "granted", "open", "finished", "denied", "expired", "failed"],
}

SCHEMAS: dict[str, Schema] = {
    "Error": _object(error={"type": "string", "description": "A name, as in SPEC.md."}, detail=TEXT),
    "Health": _object(ok=BOOLEAN),
    "Ready": _object(ready=BOOLEAN, checks={"type": "object", "additionalProperties": BOOLEAN}),
    "Challenge": _object(challenge=_hex(32), host=_hex(16)),
    "Session": {
        **_object(token=TEXT, expires=INTEGER),
        "description": "`broker`: login at the broker. `lacks`: this host came back from a backup; send again what was "
        "signed `since` then, once for each `epoch`.",
        "properties": {
            "token": TEXT,
            "expires": INTEGER,
            "broker": _object(user=TEXT, password=TEXT),
            "lacks": _object(epoch=_hex(8), since=INTEGER),
        },
    },
    "Roster": _object(version=INTEGER, messages=_array(SIGNED)),
    "Matters": _object(version=INTEGER, messages=_array(SIGNED)),
    "Box": _object(
        kid=_hex(16), public=_hex(32), online=BOOLEAN, seen=INTEGER, checkpoint=_or_null(SIGNED), proven_seq=INTEGER,
        proven_head=_hex(32), received_seq=INTEGER, boot=INTEGER, clock_set=BOOLEAN, roster=INTEGER, firmware=TEXT,
        bays=_array(_object(number=INTEGER, seal=TEXT)),
    ),
    "Entries": _object(first=INTEGER, proven_seq=INTEGER, entries=_array(BASE64)),
    "Request": _object(
        reference=_hex(32), code=TEXT, state=STATES, proven=BOOLEAN, reason=_or_null(TEXT), until=_or_null(INTEGER),
        impressions=INTEGER, opened=INTEGER, spent=INTEGER, pressed=INTEGER, received=INTEGER, changed=INTEGER,
        messages=_array(SIGNED), grants=_array(SIGNED),
    ),
    "Line": _object(
        code=TEXT, request=_hex(32), box=_hex(16), bay=INTEGER, seal=_or_null(TEXT), matter=INTEGER,
        wording=_or_null(TEXT), created=INTEGER, keeper=TEXT, approved_by=_array(TEXT), denied_by=_array(TEXT),
        state=STATES, proven=BOOLEAN, impressions=INTEGER, spent=INTEGER, pressed=INTEGER, declared=_or_null(INTEGER),
    ),
    "Enrolment": _object(kid=_hex(16), message=SIGNED, received=INTEGER),
    "Case": _object(id=TEXT, kind=TEXT, opened=INTEGER, closed=_or_null(INTEGER)),
}  # fmt: skip

_SITE = {"name": "site", "in": "path", "required": True, "schema": _hex(16)}
_REASONS = {
    400: "What was sent cannot be understood, or is refused; `error` names why.",
    401: "No token, or one that has ended.",
    403: "Not for this key, or not for this site.",
    404: "There is no such thing.",
    409: "Not any more.",
    413: "Too large.",
    429: "Too many from this sender.",
    503: "Not now.",
}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _answers(status: int, content: Schema | None, *refusals: int) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."} | ({} if content is None else {"content": content})
    bad = {str(one): {"description": _REASONS[one], "content": _json(_ref("Error"))} for one in refusals}
    return {str(status): good, **bad}


def _of_site(
    summary: str, content: Schema | None, *refusals: int, status: int = 200, path: dict[str, Schema] | None = None,
    query: dict[str, tuple[Schema, bool]] | None = None, body: Schema | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A call that needs a token of the site."""
    parameters = [_SITE]
    parameters += [{"name": name, "in": "path", "required": True, "schema": one} for name, one in (path or {}).items()]
    parameters += [
        {"name": name, "in": "query", "required": required, "schema": one}
        for name, (one, required) in (query or {}).items()
    ]
    found = {
        "summary": summary,
        "parameters": parameters,
        "security": [{"token": []}],
        "responses": _answers(status, content, *sorted({400, 401, 403, *refusals})),
    }
    return found if body is None else {**found, "requestBody": {"required": True, "content": body}}


def _open(summary: str, content: Schema | None, *refusals: int, status: int = 200, **more: Any) -> dict[str, Any]:
    """A call that needs no token."""
    return {"summary": summary, "security": [], "responses": _answers(status, content, *refusals), **more}


_NUMBER = {"type": "integer", "minimum": 0, "maximum": (1 << 31) - 1}
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def _sign_in_paths() -> dict[str, Any]:
    asked = {"type": "object", "properties": {"kid": _hex(16), "site": _hex(16)}, "required": ["kid"]}
    signed = _object(kid=_hex(16), challenge=_hex(32), signature=_hex(64))
    unwell = {"description": _REASONS[503], "content": _json(_ref("Health"))}
    unready = {"description": _REASONS[503], "content": _json(_ref("Ready"))}
    health, ready = (_open(*one) for one in (("Health.", _json(_ref("Health"))), ("Readiness.", _json(_ref("Ready")))))
    health["responses"]["503"], ready["responses"]["503"] = unwell, unready
    metrics = _open("Prometheus.", {"text/plain": {"schema": TEXT}}, 401)
    metrics["security"] = [{}, {"metrics": []}]
    body = {"required": True, "content": _json(asked)}
    sign = {"required": True, "content": _json(signed)}
    refusals = (400, 403, 404, 413, 429)
    return {
        "/healthz": {"get": health},
        "/readyz": {"get": ready},
        "/metrics": {"get": metrics},
        "/api/openapi.json": {"get": _open("This document.", _json({"type": "object"}))},
        "/api/session/challenge": {
            "post": _open("A challenge to sign.", _json(_ref("Challenge")), *refusals, requestBody=body)
        },
        "/api/session": {
            "post": _open("Sign in.", _json(_ref("Session")), 401, *refusals, requestBody=sign),
        },
    }


def _site_paths() -> dict[str, Any]:
    site = "/api/sites/{site}"
    digest, since, state = {"digest": _hex(32)}, {"since": (_NUMBER, False)}, {"state": (STATES, False)}
    stretch = {"first": (_NUMBER, True), "last": (_NUMBER, True)}
    enrol = _open("Ask to be listed.", _json({"type": "object"}), 400, 403, 404, 413, 429, status=201)
    enrol |= {"parameters": [_SITE], "requestBody": {"required": True, "content": _BYTES}}
    refuse = _of_site("Forget one.", None, status=204, path={"kid": _hex(16)})
    close = _of_site(
        "Close a case.", _json(_ref("Case")), 404, 409, 413, path={"id": TEXT}, body=_json(_object(reason=TEXT))
    )
    return {
        f"{site}/blobs/{{digest}}": {
            "get": _of_site("A file: salt and content.", _BYTES, 404, path=digest),
            "put": _of_site(
                "Keep a file.", _json(_object(digest=_hex(32))), 413, 429, status=201, path=digest, body=_BYTES
            ),
        },
        f"{site}/roster": {"get": _of_site("The roster.", _json(_ref("Roster")), 404, query=since)},
        f"{site}/rosters/waiting": {
            "get": _of_site("Rosters that wait for signatures.", _json(_object(messages=_array(SIGNED))))
        },
        f"{site}/matters": {"get": _of_site("The matter list.", _json(_ref("Matters")))},
        f"{site}/boxes": {"get": _of_site("The boxes.", _json(_array(_ref("Box"))))},
        f"{site}/boxes/{{box}}/entries": {
            "get": _of_site("A box's log.", _json(_ref("Entries")), 404, path={"box": _hex(16)}, query=stretch)
        },
        f"{site}/ledger": {"get": _of_site("The register.", _json(_array(_ref("Line"))))},
        f"{site}/requests": {"get": _of_site("Requests.", _json(_array(_ref("Request"))), query=state)},
        f"{site}/requests/{{reference}}": {
            "get": _of_site("A request.", _json(_ref("Request")), 404, path={"reference": _hex(32)})
        },
        f"{site}/export": {"get": _of_site("The bundle.", {"application/zip": {"schema": {}}}, 503)},
        f"{site}/enrolments": {
            "get": _of_site("Keys that ask to be listed.", _json(_array(_ref("Enrolment")))), "post": enrol,
        },
        f"{site}/enrolments/{{kid}}": {"delete": refuse},
        f"{site}/cases": {"get": _of_site("Cases.", _json(_array(_ref("Case"))), query={"state": (TEXT, False)})},
        f"{site}/cases/{{id}}/close": {"post": close},
    }  # fmt: skip


def document(version: str) -> dict[str, Any]:
    """The whole."""
    bearer = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sealbox host", "version": version, "license": {"name": "Apache-2.0"}},
        "paths": {**_sign_in_paths(), **_site_paths()},
        "components": {"schemas": SCHEMAS, "securitySchemes": {"token": bearer, "metrics": bearer}},
    }


def route(version: str = "1") -> Route:
    """Serves the document."""

    async def described(request: Request) -> Response:
        return JSONResponse(document(version))

    return Route("/api/openapi.json", described)
