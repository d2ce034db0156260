"""The whole service, started once for all tests of this folder: Ray, Serve, vLLM, the adapter, HTTP."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

ROOT = Path(__file__).parents[2]
NEAR = {"latitude": 37.8731, "longitude": 127.7375, "time": "2026-11-18T18:00:00+09:00"}


@dataclass(frozen=True, slots=True)
class Service:
    client: httpx.Client
    mark: str
    key: str
    state: Path
    dashboard_port: int

    def chat(self, message: str, **more: Any) -> dict[str, Any]:
        body = {"user_id": "child-1", "message": message, "context": NEAR, **more}
        response = self.client.post("/chat", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("e2e")
    port, dashboard = free_port(), free_port()
    config = {
        "paths": {"state": str(folder / "state"), "adapters": str(ROOT / "adapters")},
        "serving": {
            "port": port,
            "dashboard_port": dashboard,
            "request_timeout_s": 30.0,
            "ingress": {"graceful_shutdown_timeout_s": 35.0},
            "llm": {"graceful_shutdown_timeout_s": 30.0},
        },
        # What is written is tested here, not how fast: the machine may be busy.
        "writing": {"first_token_timeout_s": 12.0, "total_timeout_s": 25.0},
    }
    path = folder / "e2e.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("naviyam")), "--config", str(path)]
    environ = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    try:
        subprocess.run([*command, "up"], cwd=ROOT, env=environ, check=True, timeout=420)
        head = json.loads((folder / "state" / "ray-head.json").read_text())
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False
        ) as client:
            key = (folder / "state" / "secrets" / "admin.key").read_text().strip()
            yield Service(client, head["mark"], key, folder / "state", dashboard)
    finally:
        subprocess.run([*command, "down"], cwd=ROOT, env=environ, check=False, timeout=120)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
