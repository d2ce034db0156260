"""Which rules hold for a path. No I/O."""

from enum import Enum, auto


class Kind(Enum):
    """What a path is for."""

    PROBE = auto()
    """Health: open, never counted."""

    PAGE = auto()
    """Pages and their files, documents of the API: open; only addresses are counted."""

    CLIENT = auto()
    """The service: open or by key, by setting. Everything that is not named is this."""

    ADMIN = auto()
    """The routes look at the key themselves (`deployments.admin.keys`)."""

    COMPLETIONS = auto()
    """The language model for other teams: always by key."""


_PROBES = frozenset(("/healthz", "/readyz"))
_PAGES = frozenset(
    (
        "/",
        "/ops",
        "/version",
        "/docs",
        "/docs/oauth2-redirect",
        "/openapi.json",
        "/favicon.ico",
        "/robots.txt",
    )
)
_PAGE_FILES = ("/web/", "/ops/", "/static/", "/assets/")
_PERSONAL = ("/chat", "/recommendations", "/understand", "/feedback", "/users", "/admin", "/v1")


def kind_of(path: str) -> Kind:
    """Return what a path is for.

    >>> kind_of("/v1/models"), kind_of("/chat"), kind_of("/v1x")
    (<Kind.COMPLETIONS: 5>, <Kind.CLIENT: 3>, <Kind.CLIENT: 3>)
    """
    if path in _PROBES:
        return Kind.PROBE
    if path in _PAGES or path.startswith(_PAGE_FILES):
        return Kind.PAGE
    if _is_below(path, "/admin"):
        return Kind.ADMIN
    if _is_below(path, "/v1"):
        return Kind.COMPLETIONS
    return Kind.CLIENT


def is_personal(path: str) -> bool:
    """Return whether an answer may be about somebody, so that nothing on the way may keep it."""
    return any(_is_below(path, each) for each in _PERSONAL)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")
