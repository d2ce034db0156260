"""CRDs of KubeRay as JSON schemas that refuse what the API server would drop: unknown keys."""

from pathlib import Path
from typing import Any

import yaml

KINDS = ("rayclusters", "rayservices", "rayjobs", "raycronjobs")


def read_crds(folder: Path) -> dict[str, dict[str, Any]]:
    """Kind to schema, from `ray-operator/config/crd/bases` of a checkout."""
    found = {}
    for name in KINDS:
        crd = yaml.load(
            (folder / f"ray.io_{name}.yaml").read_text(),
            getattr(yaml, "CSafeLoader", yaml.SafeLoader),
        )
        (version,) = [v for v in crd["spec"]["versions"] if v["name"] == "v1"]
        found[crd["spec"]["names"]["kind"]] = strict(version["schema"]["openAPIV3Schema"])
    return found


def strict(schema: Any, *, root: bool = True) -> Any:
    """The schema with unknown keys refused wherever keys are listed; the object's own metadata is Kubernetes's affair."""
    if isinstance(schema, list):
        return [strict(each, root=False) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {k: strict(v, root=False) for k, v in schema.items() if k != "properties"}
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    if "properties" in schema:
        made["properties"] = {k: strict(v, root=False) for k, v in schema["properties"].items()}
        open_ended = schema.get("x-kubernetes-preserve-unknown-fields")
        if not open_ended and "additionalProperties" not in schema:
            made["additionalProperties"] = False
    if root:
        made["properties"]["metadata"] = {"type": "object"}
    return made
