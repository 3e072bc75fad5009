"""Serves the web page: one document for all its addresses, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Scope

PAGE = Path(__file__).parent / "page"
REVALIDATE = {
    "Cache-Control": "no-cache"
}  # files are small and have an ETag; an upgrade shows at once

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/commands/{command_id}")
@router.get("/workers")
@router.get("/locks")
def show_page() -> FileResponse:
    """Gives the page; what it shows follows from its address."""
    return FileResponse(PAGE / "index.html", headers=REVALIDATE)


def serve_page(app: FastAPI) -> None:
    """Adds the page to the app."""
    app.include_router(router)
    app.mount("/static", PageFiles(directory=PAGE), name="static")


class PageFiles(StaticFiles):
    """The files of the page, always asked for anew."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(REVALIDATE)
        return response
