"""The search index of one catalogue version and one encoder: vectors, postings and a card, in one versioned folder.

Owns what is written and the checks on what is read: an index of another catalogue or encoder never answers.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Self

import numpy as np

from naviyam import versions
from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError, NotFoundError
from naviyam.retrieval.dense import Dense, index_kind
from naviyam.retrieval.encoder import Encoder
from naviyam.retrieval.lexical import Lexical, document_terms
from naviyam.settings import Retrieval

CARD = "card.json"
_FORMAT = 2
_CHUNK = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCard:
    """What an index was made of. The file also holds `files`, the digests of what lies beside it."""

    catalog_version: str
    encoder: str
    query_prefix: str
    passage_prefix: str
    dimension: int
    rows: int
    kind: str
    """exact, hnsw or ivf."""

    documents: str
    """Digest of the documents in order."""

    format: int = _FORMAT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Index:
    """Both halves of the search, and their card."""

    card: IndexCard
    dense: Dense
    lexical: Lexical

    @classmethod
    def build(
        cls,
        catalog: Catalog,
        encoder: Encoder,
        settings: Retrieval,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """Encode and count all documents; `progress(done, total)` is called about every 1,000 shops."""
        documents = [catalog.document(row) for row in range(catalog.size)]
        vectors = np.zeros((catalog.size, encoder.dimension), np.float32)
        terms: list[list[str]] = []
        for start in range(0, catalog.size, _CHUNK):
            part = documents[start : start + _CHUNK]
            vectors[start : start + len(part)] = encoder.encode_passages(part)
            terms += [
                document_terms(text, catalog.names[row], (menu.name for menu in catalog.menus(row)))
                for row, text in enumerate(part, start=start)
            ]
            if progress is not None:
                progress(start + len(part), catalog.size)
        card = IndexCard(
            catalog_version=catalog.version,
            encoder=encoder.name,
            query_prefix=settings.query_prefix,
            passage_prefix=settings.passage_prefix,
            dimension=encoder.dimension,
            rows=catalog.size,
            kind=index_kind(catalog.size, settings),
            documents=_digest("\x00".join(documents).encode()),
        )
        return cls(card=card, dense=Dense(vectors, settings), lexical=Lexical.build(terms))

    def save(self, root: Path, settings: Retrieval) -> Path:
        """Publish below `root` (`paths.index`) and return the folder.

        Raises:
            ConflictError: this index is there already; `Index.open` reads it.
        """
        name = folder_name(self.card.catalog_version, self.card.encoder, settings)
        return versions.publish(root, name, self._write)

    def _write(self, folder: Path) -> None:
        self.dense.save(folder)
        self.lexical.save(folder)
        files = {p.name: _file_digest(p) for p in sorted(folder.iterdir())}
        text = json.dumps({**asdict(self.card), "files": files}, ensure_ascii=False, indent=1)
        (folder / CARD).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, catalog: Catalog, encoder: Encoder, settings: Retrieval) -> Self:
        """Read a folder that `save` wrote.

        Raises:
            ArtifactError: it is of another catalogue version or encoder, or a file was changed or lost.
        """
        card = read_card(folder)
        for what, found, wanted in (
            ("format", card.format, _FORMAT),
            ("catalogue version", card.catalog_version, catalog.version),
            ("number of shops", card.rows, catalog.size),
            ("retrieval.encoder", card.encoder, encoder.name),
            ("dimension", card.dimension, encoder.dimension),
            ("retrieval.query_prefix", card.query_prefix, settings.query_prefix),
            ("retrieval.passage_prefix", card.passage_prefix, settings.passage_prefix),
        ):
            if found != wanted:
                raise ArtifactError(
                    f"the index {folder.name} is of {what} {found!r}, here it is {wanted!r}; build it again"
                )
        dense, lexical = Dense.load(folder, settings), Lexical.load(folder)
        if dense.vectors.shape != (card.rows, card.dimension):
            raise ArtifactError(
                f"{folder} holds vectors {dense.vectors.shape}, its card says {(card.rows, card.dimension)}"
            )
        return cls(card=card, dense=dense, lexical=lexical)

    @classmethod
    def open(cls, root: Path, catalog: Catalog, encoder: Encoder, settings: Retrieval) -> Self:
        """Load the index of this catalogue and encoder from below `root`, whichever is current.

        Raises:
            NotFoundError: none was built for them.
            ArtifactError: the folder is broken.
        """
        folder = root / folder_name(catalog.version, encoder.name, settings)
        if not folder.is_dir():
            raise NotFoundError(
                f"no index of catalogue {catalog.version} by {encoder.name} in {root}; run `naviyam bootstrap`"
            )
        return cls.load(folder, catalog, encoder, settings)


def read_card(folder: Path) -> IndexCard:
    """Return an index's card once every file beside it is the one it names.

    Raises:
        ArtifactError: a file was changed or lost, or there is no card.
    """
    try:
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
        files = values.pop("files")
        card = IndexCard(**values)
        digests = {name: _file_digest(folder / name) for name in files}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as e:
        raise ArtifactError(f"{folder} holds no whole index ({e}); build it again") from e
    broken = sorted(name for name in files if digests[name] != files[name])
    if broken:
        raise ArtifactError(f"{folder}: {broken} differ from the card; build the index again")
    return card


def ensure_index(root: Path, catalog: Catalog, encoder: Encoder, settings: Retrieval) -> Index:
    """Return the index of this catalogue and encoder; build and publish it where there is none. Idempotent."""
    try:
        return Index.open(root, catalog, encoder, settings)
    except NotFoundError:
        index = Index.build(catalog, encoder, settings)
        index.save(root, settings)
        return index


def folder_name(catalog_version: str, encoder: str, settings: Retrieval) -> str:
    """Return the version name under which the index of a catalogue and an encoder lies."""
    sizes = settings.exact_up_to, settings.ivf_from, settings.hnsw_links, settings.hnsw_build
    made_of = (
        encoder, settings.query_prefix, settings.passage_prefix, *map(str, sizes), str(_FORMAT),
    )  # fmt: skip
    plain = re.sub(r"[^A-Za-z0-9]+", "-", encoder).strip("-")[-24:]
    return f"{catalog_version[:40]}.{plain}.{_digest(chr(0).join(made_of).encode())[:8]}"


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
