"""The cluster: replicas and nodes, from what Ray itself exports. Pure."""

from cluster.telemetry.boards.panels import quantile, series
from cluster.telemetry.grafana import Dashboard, Row


def nodes() -> Dashboard:
    """Return the dashboard."""
    replicas = Row(
        title="복제본",
        panels=(
            series(
                "건강한 복제본",
                "배포별",
                ("sum by (deployment) (ray_serve_deployment_replica_healthy)", "{{deployment}}"),
            ),
            series(
                "원하는 복제본",
                "자동 조절의 목표",
                (
                    "max by (deployment) (ray_serve_autoscaling_target_replicas)",
                    "{{deployment}}",
                ),
            ),
            series(
                "처리 중",
                "복제본 안의 요청",
                ("sum by (deployment) (ray_serve_replica_processing_queries)", "{{deployment}}"),
            ),
            series(
                "기다리는 요청",
                "배포 앞의 대기열",
                ("sum by (deployment) (ray_serve_deployment_queued_queries)", "{{deployment}}"),
            ),
            series(
                "배포별 시간(95%)",
                "Serve가 잰 것",
                (
                    quantile(0.95, "ray_serve_deployment_processing_latency_ms", "deployment"),
                    "{{deployment}}",
                ),
                unit="ms",
            ),
            series(
                "다시 시작한 복제본",
                "한 시간에",
                (
                    "sum by (deployment) (increase(ray_serve_deployment_replica_starts_total[1h]))",
                    "{{deployment}}",
                ),
            ),
        ),
    )
    machines = Row(
        title="노드",
        panels=(
            series(
                "CPU",
                "노드별",
                ("max by (ip) (ray_node_cpu_utilization / 100)", "{{ip}}"),
                unit="percentunit",
            ),
            series(
                "메모리",
                "노드별",
                ("max by (ip) (ray_node_mem_used / ray_node_mem_total)", "{{ip}}"),
                unit="percentunit",
                limits=(0.8, 0.95),
            ),
            series(
                "GPU",
                "노드와 GPU별",
                ("max by (ip, GpuIndex) (ray_node_gpus_utilization / 100)", "{{ip}} {{GpuIndex}}"),
                unit="percentunit",
            ),
            series(
                "GPU 메모리",
                "노드와 GPU별",
                (
                    "max by (ip, GpuIndex) (ray_node_gram_used"
                    " / (ray_node_gram_used + ray_node_gram_available))",
                    "{{ip}} {{GpuIndex}}",
                ),
                unit="percentunit",
            ),
            series(
                "디스크",
                "쓴 비율",
                (
                    "max by (ip) (ray_node_disk_usage / (ray_node_disk_usage + ray_node_disk_free))",
                    "{{ip}}",
                ),
                unit="percentunit",
                limits=(0.8, 0.9),
            ),
            series(
                "메모리를 쓰는 것",
                "구성 요소별",
                ("topk(8, sum by (Component) (ray_component_rss_bytes))", "{{Component}}"),
                unit="bytes",
            ),
        ),
    )
    return Dashboard(uid="naviyam-cluster", title="나비얌 · 클러스터", rows=(replicas, machines))
