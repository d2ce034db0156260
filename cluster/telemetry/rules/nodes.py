"""Replicas and nodes, by what Ray itself exports. Pure."""

from cluster.telemetry.rules.types import AlertRule


def nodes() -> tuple[AlertRule, ...]:
    """Return the alerts."""
    return (
        AlertRule(
            alert="NaviyamReplicaUnhealthy",
            expr="min by (deployment) (ray_serve_deployment_replica_healthy) == 0",
            held="3m",
            severity="ticket",
            summary="{{ $labels.deployment }} 복제본이 건강하지 않아요",
            description="복제본 하나가 상태 확인에 답하지 않아요. Serve가 새로 띄우는지 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamScrapeMissing",
            expr='up{job="ray"} == 0',
            held="3m",
            severity="ticket",
            summary="노드 {{ $labels.instance }}의 지표를 읽을 수 없어요",
            description="노드가 꺼졌거나 지표 포트가 막혔어요. 이 노드의 경보는 오지 않아요.",
        ),
        AlertRule(
            alert="NaviyamDiskFull",
            expr="min by (ip) (ray_node_disk_free"
            " / (ray_node_disk_free + ray_node_disk_usage)) < 0.1",
            held="10m",
            severity="page",
            summary="노드 {{ $labels.ip }}의 디스크가 {{ $value | humanizePercentage }} 남았어요",
            description="기록과 모델을 쓰지 못하게 될 수 있어요. 오래된 모델과 로그를 지우세요.",
        ),
        AlertRule(
            alert="NaviyamMemoryFull",
            expr="max by (ip) (ray_node_mem_used / ray_node_mem_total) > 0.95",
            held="10m",
            severity="ticket",
            summary="노드 {{ $labels.ip }}의 메모리를 {{ $value | humanizePercentage }} 쓰고 있어요",
            description="Ray가 곧 프로세스를 끝낼 수 있어요. 실행 중인 작업과 복제본 수를 확인하세요.",
        ),
    )
