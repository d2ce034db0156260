"""The operations page: its shell and its files, by an explicit list. They hold no data: whoever has no admin key sees a field for it."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

_WEB = Path(__file__).parent / "web"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_FILES = {
    "/ops": "ops.html",
    "/ops/ops.css": "ops.css",
    "/ops/ops.js": "ops.js",
    "/ops/stream.js": "ops-stream.js",
    "/ops/draw.js": "ops-draw.js",
    "/ops/dom.js": "ops-dom.js",
    "/ops/act.js": "ops-act.js",
    "/ops/experiments.js": "ops-experiments.js",
    "/ops/tables.js": "ops-tables.js",
}


def ops_pages() -> APIRouter:
    """Return a route for each file."""
    router = APIRouter(include_in_schema=False)
    for path, name in _FILES.items():
        router.add_api_route(path, _sender(_WEB / name), methods=["GET"])
    return router


def _sender(file: Path):  # type: ignore[no-untyped-def]
    async def send() -> FileResponse:
        kind = f"{_TYPES[file.suffix]}; charset=utf-8"
        return FileResponse(file, media_type=kind, headers=_HEADERS)

    return send
