"""What children meet. Pure."""

from cluster.telemetry.rules.types import AlertRule
from naviyam.settings import Settings


def service(settings: Settings) -> tuple[AlertRule, ...]:
    """Return the alerts."""
    most, told = settings.monitoring.max_error_rate, settings.telemetry
    return (
        AlertRule(
            alert="NaviyamDown",
            expr='absent(ray_serve_deployment_replica_healthy{deployment="Ingress"} == 1)',
            held="1m",
            severity="page",
            summary="서비스가 멈췄어요",
            description="응답하는 Ingress 복제본이 하나도 없어요. 아이들이 답을 받지 못해요.",
        ),
        AlertRule(
            alert="NaviyamErrorRate",
            expr=f"naviyam:answers_failed:ratio5m > {most:g} and naviyam:answers:rate5m > 0.05",
            held="2m",
            severity="page",
            summary="답을 받지 못한 요청이 {{ $value | humanizePercentage }}예요",
            description=f"{{{{ $labels.route }}}} 요청의 실패율이 기준 {most:.0%}를 넘었어요. "
            "진행 중인 실험은 자동으로 되돌려요. 서비스 상태부터 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamSlowMedian",
            expr=f'naviyam:answer_seconds:p50_5m{{route="chat"}} > {told.answer_p50_s:g}',
            held="10m",
            severity="ticket",
            summary="대화 답변의 중앙값이 {{ $value | humanizeDuration }}이에요",
            description=f"대화의 절반이 기준 {told.answer_p50_s:g}초보다 오래 걸려요. "
            "느려진 단계를 대시보드에서 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamSlow",
            expr=f'naviyam:answer_seconds:p95_5m{{route="chat"}} > {told.answer_p95_s:g}',
            held="5m",
            severity="ticket",
            summary="느린 답변(95%)이 {{ $value | humanizeDuration }}이에요",
            description=f"대화 100번 중 5번이 기준 {told.answer_p95_s:g}초보다 오래 걸려요. "
            "단계별 시간과 언어 모델의 대기열을 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamRefusing",
            expr='sum(naviyam:refused:rate5m{gate=~"chats|others"}) > 0.1',
            held="5m",
            severity="page",
            summary="요청을 돌려보내고 있어요",
            description="한꺼번에 온 요청이 너무 많아 503으로 돌려보내고 있어요. 복제본 수와 접속량을 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamDegraded",
            expr="naviyam:answers_degraded:ratio5m > 0.2",
            held="10m",
            severity="ticket",
            summary="간단한 답으로 대신한 비율이 {{ $value | humanizePercentage }}예요",
            description="언어 모델이나 검색 없이 만든 답이 많아요. 이유는 서비스 대시보드의 '대신한 이유'에 있어요.",
        ),
        AlertRule(
            alert="NaviyamEventLogFailing",
            # The second half: a counter that begins at its first failure has not increased.
            expr="sum by (kind) (increase(ray_naviyam_event_failures_total[5m])) > 0"
            " or (sum by (kind) (ray_naviyam_event_failures_total)"
            " unless sum by (kind) (ray_naviyam_event_failures_total offset 5m)) > 0",
            held="0m",
            severity="page",
            summary="기록({{ $labels.kind }})이 저장되지 않아요",
            description="대화나 피드백 기록을 디스크에 쓰지 못했어요. 남은 용량과 폴더 권한을 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamEventLogSlow",
            expr="histogram_quantile(0.99, "
            "sum by (kind, le) (rate(ray_naviyam_event_commit_seconds_bucket[5m]))) > 0.3",
            held="10m",
            severity="ticket",
            summary="기록 저장이 느려요({{ $labels.kind }}, {{ $value | humanizeDuration }})",
            description="기록이 디스크에 닿기까지 0.3초를 넘겨요. 디스크가 바쁘거나 고장 난 것일 수 있어요.",
        ),
    )
