"""Which code made an artefact. Reads the sources that lie here, so it says the same in a checkout, a container and an archive."""

from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]
RANKER = ("training", "training/wide_deep", "naviyam/features", "naviyam/ranker", "naviyam/funnel")
ADAPTER = ("training/lora", "naviyam/nlg")
UNDERSTANDING_ADAPTER = ("training/lora", "naviyam/nlu", "training/nlu")
DATASETS = ("training/datasets", "naviyam/learning", "naviyam/nlg", "naviyam/features")
"""The folders whose sources decide what is made, for `code_version(*...)`."""


def code_version(*folders: str, root: Path = ROOT) -> str:
    """Return a hash of the sources that decide what is made: `folders` below the root, without what lies deeper in them.

    >>> len(code_version("training/nlu")), code_version("training/nlu") == code_version("training/lora")
    (16, False)
    """
    digest = sha256()
    for folder in folders:
        for path in sorted((root / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
