"""The Serve configuration of a profile, as `serve deploy` and a RayService take it. Pure.

Scaling, queues and shares of CPU and GPU are not repeated in it: `deployments.app` reads them from the settings file, so that
there is one place to change them. Nor is the traffic of experiments: replicas follow the table below the state.
"""

from pathlib import PurePosixPath
from typing import Any

import yaml

from cluster.ray_io.serve import APPLICATION, IMPORT_PATH, goal
from naviyam.settings import Settings

IMAGE_ROOT = PurePosixPath("/opt/naviyam")
"""Where the code, the profiles and the packaged models lie in the images."""


def serve_config(settings: Settings, config: PurePosixPath) -> dict[str, Any]:
    """Return the goal state of Serve on a cluster.

    Args:
        settings: where it listens.
        config: the settings file as every node of the cluster finds it.
    """
    application = {
        "name": APPLICATION,
        "route_prefix": "/",
        "import_path": IMPORT_PATH,
        "args": {"config": str(config)},
    }
    return goal(settings, [application])


def render(document: dict[str, Any], *, command: str) -> str:
    """Return it as YAML that says how it is made again."""
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return f"# Made by `{command}`; change the profile and make it again.\n{body}"
