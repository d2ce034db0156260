"""Cuts the kinds that deploy/ uses out of Kubernetes's published schemas: `python make_kubernetes_schema.py WHEEL`.

The wheel is kubernetes-validate of PyPI (Apache-2.0), whose schemas are made from Kubernetes's own OpenAPI (Apache-2.0).
"""

import gzip
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

VERSION = "v1.33.0-local-strict"
ROOTS = (
    "io.k8s.api.apps.v1.StatefulSet",
    "io.k8s.api.batch.v1.CronJob",
    "io.k8s.api.core.v1.ConfigMap",
    "io.k8s.api.core.v1.Namespace",
    "io.k8s.api.core.v1.PersistentVolumeClaim",
    "io.k8s.api.core.v1.Service",
    "io.k8s.api.core.v1.ServiceAccount",
    "io.k8s.api.networking.v1.Ingress",
    "io.k8s.api.networking.v1.NetworkPolicy",
    "io.k8s.api.policy.v1.PodDisruptionBudget",
)
OUT = Path(__file__).with_name("kubernetes-1.33.json.gz")
_HEAD = "/api/_definitions.json"


def main(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = f"kubernetes_validate/kubernetes-json-schema/{VERSION}/_definitions.json"
        everything = json.loads(archive.read(name))["$defs"]
    kept: dict[str, Any] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = cut(everything[name], waiting)
    text = json.dumps({"$defs": kept}, sort_keys=True, separators=(",", ":"))
    OUT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def cut(schema: Any, refers: list[str]) -> Any:
    if isinstance(schema, list):
        return [cut(each, refers) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {}
    for key, value in schema.items():
        if key == "$ref":
            refers.append(value.rsplit("/", 1)[-1])
            made[key] = value.removeprefix(_HEAD)
        elif not (key == "description" and isinstance(value, str)):
            made[key] = cut(value, refers)
    return made


if __name__ == "__main__":
    main(sys.argv[1])
