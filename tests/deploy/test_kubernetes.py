"""The manifests, rendered: valid for Kubernetes and KubeRay, safe, and able to run what the profile asks for."""

import os
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from cluster.cli.main import run
from cluster.configuration.checks import check_settings
from cluster.configuration.figures import figures
from cluster.configuration.machine import GpuHere, Machine
from cluster.deploy.serve_config import IMAGE_ROOT, serve_config
from cluster.ray_io.environment import node_environment
from naviyam.settings import Settings
from tests.deploy.conftest import DEPLOY, LOADER, ROOT, Objects, pods
from tests.deploy.crds import read_crds
from tests.deploy.kuberay import SPECS, schemas

SCHEMAS = schemas()
KUBERAY = os.environ.get("KUBERAY", "")
"""A checkout of ray-project/kuberay, 1.7.0 or newer."""


def problems(found: Objects) -> list[str]:
    lines = []
    for each in found:
        schema = SCHEMAS[each["apiVersion"], each["kind"]]
        checker = jsonschema.Draft202012Validator(schema)
        for error in checker.iter_errors(each):
            lines.append(
                f"{each['kind']} {each['metadata']['name']} {error.json_path}: {error.message[:300]}"
            )
    return lines


def of(found: Objects, kind: str, name: str = "") -> dict[str, Any]:
    (one,) = [o for o in found if o["kind"] == kind and o["metadata"]["name"].startswith(name)]
    return one


def settings_of(found: Objects) -> Settings:
    """The settings as a pod of the overlay reads them."""
    data = of(found, "ConfigMap", "naviyam-settings")["data"]
    config = ROOT / Path(data["PROFILE"]).relative_to(IMAGE_ROOT)
    environ = {k: v for k, v in data.items() if v is not None}
    return Settings.load(config, environ=environ | {"NAVIYAM__JOBS__DATABASE": "postgresql://x/y"})


def test_every_object_is_valid(overlay: Objects) -> None:
    assert problems(overlay) == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("RayService", ("spec", "upgradeStrategie"), {}),
        ("RayService", ("spec", "rayClusterConfig", "workerGroupSpecs", 0, "minReplica"), 1),
        ("RayService", ("spec", "upgradeStrategy", "type"), "Rolling"),
        ("RayJob", ("spec", "entrypoint"), 3),
        ("CronJob", ("spec", "jobTemplate", "spec", "template", "spec", "restartpolicy"), "Never"),
        ("PersistentVolumeClaim", ("spec", "accessModes"), "ReadWriteMany"),
    ],
)
def test_a_mistake_is_found(
    build: Callable[[str], Objects], kind: str, path: tuple[Any, ...], value: Any
) -> None:
    found = build("cpu-small")
    target: Any = of(found, kind, "naviyam-state" if kind == "PersistentVolumeClaim" else "")
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert len(problems(found)) >= 1


@pytest.mark.skipif(not KUBERAY, reason="KUBERAY names no checkout of ray-project/kuberay")
def test_the_real_crds_take_them_and_know_every_key_of_our_schemas(
    build: Callable[[str], Objects],
) -> None:
    crds = read_crds(Path(KUBERAY) / "ray-operator" / "config" / "crd" / "bases")
    for name in ("cpu-small", "gpu", "production"):
        for each in build(name):
            if each["kind"] in crds:
                jsonschema.Draft4Validator(crds[each["kind"]]).validate(each)
    for kind, spec in SPECS.items():
        assert unknown(spec, crds[kind]["properties"]["spec"]) == []


def unknown(ours: dict[str, Any], real: dict[str, Any], above: str = "spec") -> list[str]:
    lines = []
    for key, schema in ours.get("properties", {}).items():
        if key not in real.get("properties", {}):
            lines.append(f"{above}.{key}")
            continue
        theirs = real["properties"][key]
        lines += unknown(schema, theirs, f"{above}.{key}")
        lines += unknown(schema.get("items", {}), theirs.get("items", {}), f"{above}.{key}[]")
    return lines


def test_no_secret_is_in_the_manifests_and_each_one_asked_for_is_documented(
    overlay: Objects,
) -> None:
    assert [o for o in overlay if o["kind"] == "Secret"] == []
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    asked = set()
    for each in overlay:
        asked |= {(r["name"], r["key"]) for r in found_under(each, "secretKeyRef")}
    assert {name for name, _ in asked} == {"naviyam-secrets"}
    assert [key for _, key in asked if f"{key}=" not in readme and f"`{key}`" not in readme] == []


def found_under(value: Any, key: str) -> list[Any]:
    if isinstance(value, list):
        return [x for each in value for x in found_under(each, key)]
    if not isinstance(value, dict):
        return []
    here = [value[key]] if key in value else []
    return here + [x for each in value.values() for x in found_under(each, key)]


def test_pods_run_as_nobody_in_particular_and_within_limits(overlay: Objects) -> None:
    found = [pod for each in overlay for pod in pods(each)]
    assert len(found) >= 5
    for pod in found:
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            locked = container["securityContext"]
            assert locked["allowPrivilegeEscalation"] is False
            assert locked["capabilities"]["drop"] == ["ALL"]
            for bound in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][bound].keys()
            assert "latest" not in container["image"]
            assert ":" in container["image"]


def test_selectors_select_pods_that_exist(overlay: Objects) -> None:
    labels = [pod["metadata"]["labels"] for each in overlay for pod in pods(each)]
    for each in overlay:
        if each["kind"] in ("NetworkPolicy", "PodDisruptionBudget", "Service"):
            spec = each["spec"]
            selector = spec.get("podSelector", spec.get("selector"))
            wanted = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
            if each["kind"] == "NetworkPolicy" and not selector:
                continue
            chosen = [pod for pod in labels if wanted.items() <= pod.items()]
            for rule in selector.get("matchExpressions", ()):
                chosen = [pod for pod in chosen if pod.get(rule["key"]) in rule["values"]]
            assert chosen, each["metadata"]["name"]


def test_claims_and_accounts_that_pods_name_exist(overlay: Objects) -> None:
    names = {(o["kind"], o["metadata"]["name"]) for o in overlay}
    for each in overlay:
        for claim in found_under(each, "persistentVolumeClaim"):
            assert ("PersistentVolumeClaim", claim["claimName"]) in names
        for reference in found_under(each, "configMapRef"):
            assert ("ConfigMap", reference["name"]) in names
        for pod in pods(each):
            account = pod["spec"].get("serviceAccountName")
            assert account is None or ("ServiceAccount", account) in names


def test_serve_is_told_what_the_profile_says(overlay: Objects) -> None:
    told = yaml.safe_load(of(overlay, "RayService")["spec"]["serveConfigV2"])
    ServeDeploySchema.model_validate(told)
    profile = of(overlay, "ConfigMap", "naviyam-settings")["data"]["PROFILE"]
    assert told == serve_config(settings_of(overlay), IMAGE_ROOT / "configs" / Path(profile).name)


def test_the_settings_of_a_pod_are_sound(overlay: Objects) -> None:
    settings = settings_of(overlay)
    machine = Machine(memory_gib=256, cores=64, gpus=(GpuHere(name="H100", memory_gib=79.6),) * 2)
    adapters = {"nlg": "smollm2-135m-instruct", "nlu": "smollm2-135m-instruct"}
    found = check_settings(settings, machine, figures(), adapters)
    assert [f for f in found if f.level == "error"] == []


def test_the_least_replicas_fit_into_the_least_pods(overlay: Objects) -> None:
    """First fit by label, GPU and CPU: what must always run finds a place before the autoscaler acts."""
    settings = settings_of(overlay)
    serving = settings.serving
    rooms = [
        {
            "labels": group.get("labels", {}),
            "cpu": float(resources["cpu"]),
            "gpu": float(resources.get("nvidia.com/gpu", 0)),
        }
        for group in of(overlay, "RayService")["spec"]["rayClusterConfig"]["workerGroupSpecs"]
        for resources in [group["template"]["spec"]["containers"][0]["resources"]["limits"]]
        for _ in range(group["minReplicas"])
    ]
    wanted = [
        (scale, settings.llm.num_gpus if name == "llm" else scale.num_gpus)
        for name in ("llm", "retriever", "ranker", "ingress")
        for scale in [getattr(serving, name)]
        for _ in range(scale.min_replicas)
    ]
    for scale, gpus in wanted:
        fitting = [
            room
            for room in rooms
            if scale.node_labels.items() <= room["labels"].items()
            and room["cpu"] >= scale.num_cpus
            and room["gpu"] >= gpus
        ]
        assert fitting, scale
        best = min(fitting, key=lambda room: room["gpu"])
        best["cpu"] -= scale.num_cpus
        best["gpu"] -= gpus


def test_pods_that_serve_wait_for_what_the_bootstrap_leaves(overlay: Objects) -> None:
    mark = of(overlay, "RayJob")["spec"]["entrypoint"].split("&& touch ")[1]
    assert mark.startswith(str(settings_of(overlay).paths.state))
    groups = of(overlay, "RayService")["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    for group in groups:
        spec = group["template"]["spec"]
        (first,) = spec["initContainers"]
        assert f"[ -e {mark} ]" in first["command"][-1]
        assert first["image"] == spec["containers"][0]["image"]


def test_the_commands_in_them_exist(overlay: Objects) -> None:
    lines = found_under(overlay, "entrypoint")
    keeper = of(overlay, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    lines += keeper["containers"][0]["args"]
    for line in lines:
        words = shlex.split(line.removeprefix("exec ").split("${")[0])
        assert words[0] == "naviyam"
        verbs = [w for w in words[3:] if not w.startswith(("-", "/", "$", "http"))]
        assert run([*verbs, "--help"]) == 0, line


def test_pods_see_what_every_node_must_see(overlay: Objects) -> None:
    node = of(overlay, "ConfigMap", "naviyam-node")
    assert node["data"] == node_environment(settings_of(overlay))
    found = list(pods(of(overlay, "RayService")))
    assert len(found) >= 3
    for pod in found:
        container = pod["spec"]["containers"][0]
        named = [e["configMapRef"]["name"] for e in container["envFrom"]]
        assert node["metadata"]["name"] in named
        assert not {e["name"] for e in container["env"]} & node["data"].keys()


def test_images_have_the_ray_of_the_pins(overlay: Objects) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pinned,) = [d for d in project["dependencies"] if d.startswith("ray[")]
    versions = set(found_under(overlay, "rayVersion"))
    assert versions == {pinned.split("==")[1]}


def test_every_part_is_used_by_an_overlay_or_offered_by_one() -> None:
    texts = "\n".join(
        p.read_text() for p in DEPLOY.glob("kubernetes/overlays/*/kustomization.yaml")
    )
    for part in (DEPLOY / "kubernetes" / "components").iterdir():
        assert f"components/{part.name}" in texts


def test_an_incremental_upgrade_is_valid_too(build: Callable[[str], Objects]) -> None:
    found = build("gpu")
    text = (DEPLOY / "kubernetes/components/incremental-upgrade/kustomization.yaml").read_text()
    (patch,) = yaml.load(text, LOADER)["patches"]
    (operation,) = yaml.load(patch["patch"], LOADER)
    of(found, "RayService")["spec"]["upgradeStrategy"] = operation["value"]
    assert problems(found) == []
