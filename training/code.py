"""What a model card says of the code that made it."""

import subprocess
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]


def sources_digest(*packages: str) -> str:
    """Return a hash of the sources of `packages`: the same in a checkout, a container and an archive."""
    digest = sha256()
    for folder in packages:
        for path in sorted((ROOT / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def commit() -> str:
    """Return the commit that runs, `unknown` outside a git checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() or "unknown"
