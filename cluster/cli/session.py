"""What every verb is given: the settings, and where its answer goes (a table for people, JSON for programs).

Answers go to standard output, progress to standard error, so `--json` output is always one document.
"""

import functools
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naviyam.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from naviyam.settings import Settings

DEFAULT_CONFIG = Path("configs/local.yaml")


@dataclass(frozen=True, kw_only=True)
class Session:
    """One command's surroundings."""

    config: Path
    as_json: bool = False

    @functools.cached_property
    def settings(self) -> "Settings":
        """The settings; a default file that is not there means the built-in defaults."""
        from naviyam.settings import Settings

        if self.config == DEFAULT_CONFIG and not self.config.exists():
            return Settings.load(None)
        return Settings.load(self.config)

    @functools.cached_property
    def config_path(self) -> Path | None:
        """The settings file, absolute, or None where the defaults are used."""
        return self.config.resolve() if self.config.exists() else None

    @functools.cached_property
    def console(self) -> "Console":
        """Where answers go."""
        from rich.console import Console

        return Console(highlight=False)

    @functools.cached_property
    def progress(self) -> "Console":
        """Where progress goes."""
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    @property
    def base_url(self) -> str:
        """Where the service listens."""
        return self.settings.service_url

    @property
    def dashboard_url(self) -> str:
        """Where Ray's dashboard listens, Serve's REST interface with it."""
        return self.settings.dashboard_url

    @property
    def credentials(self) -> dict[str, str]:
        """The header that this machine's calls carry, so that no limit meant for children meets them."""
        from cluster.access.key_file import own_credentials

        return own_credentials(self.settings)

    def say(self, text: str) -> None:
        """Write one line of progress."""
        from rich.markup import escape

        self.progress.print(escape(text), soft_wrap=True)

    def answer(self, document: Mapping[str, Any], *shown: "RenderableType") -> None:
        """Give the command's answer: `document` with `--json`, else what is to be shown."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
            return
        for item in shown:
            self.console.print(item)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> "RenderableType":
    """Return a rich table; numbers are aligned right, None is a dash."""
    from rich.markup import escape
    from rich.table import Table

    cells = [list(row) for row in rows]
    grid = Table(title=title or None, title_justify="left")
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in cells)
        # Where the terminal is narrow an id or a time goes on below: it is there to be copied.
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        grid.add_row(*(escape(_cell(value)) for value in row))
    return grid


def who_am_i() -> str:
    """Return who acts: the login name."""
    import getpass

    return getpass.getuser()


def read_near(text: str | None) -> tuple[float, float] | None:
    """Read `latitude,longitude`.

    Raises:
        ConfigError: it is not two numbers within Korea's latitudes and longitudes.
    """
    if text is None:
        return None
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--near is {text!r}; write latitude,longitude such as 37.8731,127.7375"
        ) from None
    if not (32 < latitude < 40 and 123 < longitude < 133):
        raise ConfigError(
            f"--near is {text!r}; that is not in Korea (latitude first, then longitude)"
        )
    return latitude, longitude


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
