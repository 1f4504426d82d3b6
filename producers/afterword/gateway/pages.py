"""The viewer's files: a page for people, served as it lies in `viewer/`. It is built of nothing, and asks the API."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

VIEWER: Final = "/viewer/"
FOLDER: Final = Path(__file__).parent / "viewer"


class ViewerFiles(StaticFiles):
    """The files. They are asked for anew at each visit, and sent only when they changed: a page never runs with scripts
    of another version.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def serve_viewer(app: FastAPI) -> None:
    """Serve the viewer at `/viewer/`, and lead there from `/`."""

    async def lead_on() -> RedirectResponse:
        return RedirectResponse(VIEWER)

    for path in ("/", VIEWER.rstrip("/")):
        app.add_api_route(path, lead_on, include_in_schema=False)
    app.mount(VIEWER, ViewerFiles(directory=FOLDER, html=True), name="viewer")
