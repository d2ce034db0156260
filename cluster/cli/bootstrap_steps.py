"""What the steps of `naviyam bootstrap` do. Training runs as a program of its own, named by string."""

from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

from cluster.cli.program import run_program
from cluster.cli.session import Session
from naviyam.settings import Settings


def source_digest(settings: Settings, *, shops: Path | None, workbook: Path | None) -> str:
    """Return what a catalogue made from this source depends on."""
    from naviyam.catalog.tables import schema_hash

    path = shops or workbook
    kind = "shops" if shops else "workbook" if workbook else "sample"
    content = sha256(path.read_bytes()).hexdigest() if path else ""
    return digest(kind, content, str(settings.seed), schema_hash())


def make_catalog(
    settings: Settings, *, shops: Path | None, workbook: Path | None, keep: bool
) -> dict[str, Any]:
    """Publish a version of the catalogue from the source, or describe the one that is to be kept."""
    from cluster.cli.sources import import_files
    from naviyam.catalog.store import Catalog
    from naviyam.clock import SystemClock
    from naviyam.simulation.build import from_sample
    from naviyam.versions import current

    path = shops or workbook
    if keep:
        folder = current(settings.paths.catalog)
    elif path is not None:
        folder = import_files([path], settings)
    else:
        folder = from_sample(settings, SystemClock().now())
    card = Catalog.load(folder).card
    set_aside = card.get("import", {}).get("set_aside", {})
    return {
        "version": folder.name,
        "from": ", ".join(card.get("sources", ())),
        **card.get("rows", {}),
        "rows_set_aside": sum(sum(reasons.values()) for reasons in set_aside.values()),
    }


def make_index(settings: Settings) -> dict[str, Any]:
    """Build the search index of the current catalogue where there is none."""
    from naviyam.catalog.store import Catalog
    from naviyam.retrieval.encoder import load_encoder
    from naviyam.retrieval.index import ensure_index, folder_name
    from naviyam.versions import current

    catalog = Catalog.load(current(settings.paths.catalog))
    encoder = load_encoder(settings.retrieval)
    index = ensure_index(settings.paths.index, catalog, encoder, settings.retrieval)
    return {
        "version": folder_name(catalog.version, encoder.name, settings.retrieval),
        "rows": index.card.rows,
        "encoder": index.card.encoder,
    }


def feature_schema() -> str:
    """Return the hash of the ranker's features."""
    from naviyam.features.spec import schema_hash

    return schema_hash()


def train_ranker(session: Session) -> dict[str, Any]:
    """Train the first ranker on the catalogue's behaviour."""
    return run_program(session, "training.wide_deep", ["--threads", "1"])


def prepare_model(session: Session) -> dict[str, Any]:
    """Convert the packaged base once into the cache, and merge the champion adapter where it is served merged."""
    return run_program(session, "training.lora.adapters", [])


def champion_digest(settings: Settings) -> str:
    """Return what the served model depends on besides its base: the adapter's files and whether it is merged."""
    from cluster.registry.champion import champion

    serving = champion(settings)
    files = sorted(serving.folder.glob("adapter_*")) if serving is not None else []
    return digest(
        str(settings.llm.merge_champion), *(sha256(f.read_bytes()).hexdigest() for f in files)
    )


def digest(*parts: str | None) -> str:
    """Return a short hash of the parts in order."""
    return blake2b("\0".join(p or "" for p in parts).encode(), digest_size=12).hexdigest()
