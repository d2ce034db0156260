"""What deploy/ may say to KubeRay 1.7, in our own words: closed schemas whose pods are Kubernetes's own (1.33).

`kubernetes-1.33.json.gz` is cut from kubernetes-validate 1.37.0 (Apache-2.0) by `make_kubernetes_schema.py`. KubeRay's CRDs are not
kept here; where a checkout of it is named by KUBERAY, the tests hold these schemas and the manifests against the real ones.
"""

import gzip
import json
from pathlib import Path
from typing import Any

_CORE = "#/$defs/io.k8s.api.core.v1."
STRING, BOOLEAN = {"type": "string"}, {"type": "boolean"}
COUNT = {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": STRING}
POD = {"$ref": f"{_CORE}PodTemplateSpec"}
META = {"$ref": "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}


def one_of(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


def closed(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": properties,
    }


CREDENTIAL = closed(value=STRING, valueFrom={"$ref": f"{_CORE}EnvVarSource"})
CLUSTER = closed(
    "headGroupSpec",
    "rayVersion",
    rayVersion=STRING,
    enableInTreeAutoscaling=BOOLEAN,
    autoscalerOptions=closed(
        version=one_of("v1", "v2"),
        upscalingMode=one_of("Default", "Aggressive", "Conservative"),
        idleTimeoutSeconds=COUNT,
        resources={"$ref": f"{_CORE}ResourceRequirements"},
        securityContext={"$ref": f"{_CORE}SecurityContext"},
    ),
    gcsFaultToleranceOptions=closed(
        "backend",
        backend=one_of("redis", "rocksdb"),
        redisAddress=STRING,
        redisUsername=CREDENTIAL,
        redisPassword=CREDENTIAL,
        storage=closed(
            size=STRING, claimName=STRING, storageClassName=STRING, deletionPolicy=STRING
        ),
    ),
    headGroupSpec=closed(
        "template",
        "rayStartParams",
        serviceType=one_of("ClusterIP", "NodePort", "LoadBalancer"),
        rayStartParams=TEXTS,
        labels=TEXTS,
        template=POD,
    ),
    workerGroupSpecs={
        "type": "array",
        "items": closed(
            "groupName",
            "minReplicas",
            "maxReplicas",
            "rayStartParams",
            "template",
            groupName={"type": "string", "pattern": "^[a-z][a-z0-9-]*$"},
            replicas=COUNT,
            minReplicas=COUNT,
            maxReplicas=COUNT,
            idleTimeoutSeconds=COUNT,
            priority={"type": "integer"},
            labels=TEXTS,
            rayStartParams=TEXTS,
            template=POD,
        ),
    },
)
SERVICE = closed(
    "rayClusterConfig",
    "serveConfigV2",
    "upgradeStrategy",
    serveConfigV2=STRING,
    upgradeStrategy=closed(
        "type",
        type=one_of("NewCluster", "NewClusterWithIncrementalUpgrade", "None"),
        clusterUpgradeOptions=closed(
            "gatewayClassName",
            "stepSizePercent",
            "intervalSeconds",
            gatewayClassName=STRING,
            stepSizePercent=COUNT,
            maxSurgePercent=COUNT,
            intervalSeconds=COUNT,
        ),
    ),
    rayClusterDeletionDelaySeconds=COUNT,
    excludeHeadPodFromServeSvc=BOOLEAN,
    suspend=BOOLEAN,
    rayClusterConfig=CLUSTER,
)
JOB = closed(
    "entrypoint",
    "rayClusterSpec",
    entrypoint=STRING,
    submissionMode=one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
    shutdownAfterJobFinishes=BOOLEAN,
    ttlSecondsAfterFinished=COUNT,
    activeDeadlineSeconds=COUNT,
    preRunningDeadlineSeconds=COUNT,
    backoffLimit=COUNT,
    suspend=BOOLEAN,
    rayClusterSpec=CLUSTER,
)
CRON_JOB = closed(
    "schedule", "jobTemplate", schedule=STRING, timeZone=STRING, suspend=BOOLEAN, jobTemplate=JOB
)
SPECS = {"RayCluster": CLUSTER, "RayService": SERVICE, "RayJob": JOB, "RayCronJob": CRON_JOB}


def kubernetes() -> dict[str, Any]:
    """Kubernetes's definitions."""
    packed = Path(__file__).with_name("kubernetes-1.33.json.gz").read_bytes()
    found: dict[str, Any] = json.loads(gzip.decompress(packed))["$defs"]
    return found


def schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """(apiVersion, kind) to a schema of the whole object."""
    definitions = kubernetes()
    found = {}
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            version = "/".join(filter(None, (kind["group"], kind["version"])))
            found[version, kind["kind"]] = {"$ref": f"#/$defs/{name}", "$defs": definitions}
    for kind, spec in SPECS.items():
        whole = closed("apiVersion", "kind", "metadata", "spec", apiVersion=STRING, kind=STRING)
        whole["properties"] |= {"metadata": META, "spec": spec}
        found["ray.io/v1", kind] = {**whole, "$defs": definitions}
    return found
