"""The language model. Pure."""

from cluster.telemetry.rules.types import AlertRule
from naviyam.settings import Settings


def language_model(settings: Settings) -> tuple[AlertRule, ...]:
    """Return the alerts."""
    if not settings.llm.enabled:
        return ()
    return (
        AlertRule(
            alert="NaviyamLanguageModelDown",
            expr='absent(ray_serve_deployment_replica_healthy{deployment="LLM"} == 1)',
            held="3m",
            severity="page",
            summary="언어 모델이 멈췄어요",
            description="LLM 복제본이 하나도 없어요. 답은 틀에 맞춘 문장으로 나가고 있어요.",
        ),
        AlertRule(
            alert="NaviyamLanguageModelFailing",
            expr='sum(rate(ray_naviyam_llm_requests_total{outcome="failed"}[5m]))'
            f" / sum(rate(ray_naviyam_llm_requests_total[5m])) > {settings.monitoring.max_error_rate:g}",
            held="5m",
            severity="page",
            summary="언어 모델이 {{ $value | humanizePercentage }} 실패해요",
            description="글을 쓰다가 실패하는 비율이 기준을 넘었어요. LLM 복제본의 로그와 최근 배포한 어댑터를 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamLanguageModelQueue",
            expr="sum(ray_naviyam_llm_waiting) > sum(ray_naviyam_llm_places)",
            held="5m",
            severity="ticket",
            summary="언어 모델의 대기열이 길어요({{ $value | humanize }}건)",
            description="기다리는 요청이 한 번에 처리하는 수보다 많아요. LLM 복제본을 늘리거나 접속량을 확인하세요.",
        ),
    )
