"""The routes of cases: what a site's people see of them, and closing one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sealhost.services.access import Caller
from sealhost.services.cases import CaseError, Cases

_STATUS = {"unknown_case": 404, "closed_already": 409, "bad_reason": 400}


def case_routes(
    cases: Cases,
    site: str,
    caller_of: Callable[[Request], Awaitable[Caller]],
    json_of: Callable[[Request], Awaitable[dict[str, Any]]],
) -> list[Route]:
    """`site`: the path of one."""

    async def listed(request: Request) -> Response:
        caller = await caller_of(request)
        open_only = request.query_params.get("state") == "open"
        return JSONResponse(await run_in_threadpool(cases.listed, caller.site, open_only))

    async def close(request: Request) -> Response:
        caller = await caller_of(request)
        token = request.headers["authorization"].partition(" ")[2]
        reason = (await json_of(request)).get("reason")
        try:
            number = bytes.fromhex(request.path_params["id"])
            if not isinstance(reason, str):
                raise CaseError("bad_reason")
            return JSONResponse(await run_in_threadpool(cases.close, caller, token, number, reason))
        except ValueError as error:
            raise _http("unknown_case") from error
        except CaseError as error:
            raise _http(error.name) from error

    return [
        Route(f"{site}/cases", listed),
        Route(f"{site}/cases/{{id}}/close", close, methods=["POST"]),
    ]


def _http(name: str) -> HTTPException:
    return HTTPException(_STATUS[name], json.dumps({"error": name, "detail": ""}))
