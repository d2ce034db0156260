"""The pages in a browser and the files they are made of, from an explicit list.

Owns which route answers with which file, and the headers under which a browser may use it. Refuses to make a path of
anything a request holds: a file that is not listed is not there. The files are read once, at the start.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from fastapi import APIRouter, Request, Response

FOLDER = Path(__file__).parent / "web"
ASSETS: Mapping[str, str] = {
    "/": "index.html",
    "/web/icon.svg": "icon.svg",
    "/web/chat.css": "chat.css",
    "/web/chat.js": "chat.js",
    "/web/cards.js": "cards.js",
    "/web/dom.js": "dom.js",
    "/web/feedback.js": "feedback.js",
    "/web/me.js": "me.js",
    "/web/place.js": "place.js",
    "/web/session.js": "session.js",
    "/web/sketch.js": "sketch.js",
    "/web/storage.js": "storage.js",
    "/web/stream.js": "stream.js",
    "/web/turn.js": "turn.js",
    "/web/words.js": "words.js",
    "/ops": "ops.html",
    "/web/ops.css": "ops.css",
    "/web/ops.js": "ops.js",
    "/web/ops-act.js": "ops-act.js",
    "/web/ops-dom.js": "ops-dom.js",
    "/web/ops-draw.js": "ops-draw.js",
    "/web/ops-experiments.js": "ops-experiments.js",
    "/web/ops-stream.js": "ops-stream.js",
    "/web/ops-tables.js": "ops-tables.js",
}
"""Route -> file below `FOLDER`. HTML names its files relative to itself, so that a prefix before the routes does no harm."""

MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Nothing inline, nothing from elsewhere, and no text can become HTML: the browser itself refuses."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}
"""`no-cache` keeps a copy and asks each time whether it still holds: a new version is whole at once, the rest is a 304."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is sent: plain and compressed, each under a tag of its own."""

    media_type: str
    plain: bytes
    packed: bytes
    digest: str

    @classmethod
    def read(cls, path: Path) -> "Asset":
        """Read a file.

        Raises:
            KeyError: its kind has no media type here.
        """
        content = path.read_bytes()
        return cls(
            media_type=MEDIA_TYPES[path.suffix],
            plain=content,
            packed=gzip.compress(content, mtime=0),
            digest=blake2b(content, digest_size=12).hexdigest(),
        )

    def answer(self, *, packed: bool, known: str) -> Response:
        """Return the response to a browser that takes gzip or not, and holds the tags `known`."""
        tag = f'"{self.digest}{"-gz" if packed else ""}"'
        headers = {**HEADERS, "ETag": tag}
        if tag in (each.strip().removeprefix("W/") for each in known.split(",")):
            return Response(status_code=304, headers=headers)
        if packed:
            headers["Content-Encoding"] = "gzip"
        content = self.packed if packed else self.plain
        return Response(content, media_type=self.media_type, headers=headers)


def page_router(assets: Mapping[str, str] = ASSETS, folder: Path = FOLDER) -> APIRouter:
    """Return the routes of all pages and their files."""
    router = APIRouter(include_in_schema=False)
    for route, name in assets.items():
        _serve(router, route, Asset.read(folder / name))
    return router


def _serve(router: APIRouter, route: str, asset: Asset) -> None:
    @router.api_route(route, methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return asset.answer(
            packed="gzip" in request.headers.get("accept-encoding", ""),
            known=request.headers.get("if-none-match", ""),
        )
