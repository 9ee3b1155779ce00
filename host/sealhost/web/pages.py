"""Serves the app's files, for a demo and for a village that accepts that its host could also change the app.

Elsewhere an origin that the host cannot write serves them (the authority's web server): whoever serves the code can
sign for whoever opens it. The page's own policy is in index.html; the headers here say what only a header can say.
Names with a digest in them are kept for ever, everything else is asked for anew.
"""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",  # a header's alone; the rest stands in the page
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FOR_EVER = "public, max-age=31536000, immutable"


class AppFiles(StaticFiles):
    """The bundle's files with their headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file; 404 for what is none."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        response.headers["Cache-Control"] = FOR_EVER if path.startswith("assets/") else "no-cache"
        return response


def app_pages(folder: Path) -> Mount:
    """The app at /; `folder` holds a built bundle."""
    return Mount("/", AppFiles(directory=folder, html=True))
