"""The language model: load, time, what it wrote. Pure."""

from cluster.telemetry.boards.panels import quantile, rate, series
from cluster.telemetry.grafana import Dashboard, Row


def language_model() -> Dashboard:
    """Return the dashboard."""
    load = Row(
        title="부하",
        panels=(
            series(
                "쓰는 중과 기다리는 중",
                "한 번에 쓰는 수와 함께",
                ("sum(ray_naviyam_llm_active)", "엔진 안"),
                ("sum(ray_naviyam_llm_waiting)", "기다림"),
                ("sum(ray_naviyam_llm_places)", "한 번에"),
            ),
            series("초당 토큰", "쓴 토큰", ("naviyam:llm_tokens:rate1m", "토큰/초")),
            series(
                "생성의 결과",
                "gone은 읽던 쪽이 떠난 것",
                (rate("ray_naviyam_llm_requests_total", "outcome"), "{{outcome}}"),
                unit="reqps",
                stacked=True,
            ),
            series(
                "어댑터별 생성",
                "무엇으로 썼는지",
                (rate("ray_naviyam_llm_requests_total", "adapter"), "{{adapter}}"),
                unit="reqps",
            ),
        ),
    )
    time = Row(
        title="시간과 품질",
        panels=(
            series(
                "첫 글자까지",
                "어댑터별",
                *(
                    (
                        quantile(q, "ray_naviyam_llm_first_piece_seconds", "adapter"),
                        f"{{{{adapter}}}} p{q:.0%}",
                    )
                    for q in (0.5, 0.95)
                ),
                unit="s",
            ),
            series(
                "끝까지",
                "어댑터별",
                *(
                    (
                        quantile(q, "ray_naviyam_llm_seconds", "adapter"),
                        f"{{{{adapter}}}} p{q:.0%}",
                    )
                    for q in (0.5, 0.95)
                ),
                unit="s",
            ),
            series(
                "검사가 막은 초안",
                "이유별",
                (rate("ray_naviyam_rejected_total", "reason"), "{{reason}}"),
                unit="ops",
            ),
            series(
                "누가 썼나",
                "모델, 틀, 섞음",
                (
                    rate("ray_naviyam_answers_total", "written_by", '{route="chat"}'),
                    "{{written_by}}",
                ),
                unit="reqps",
                stacked=True,
            ),
        ),
    )
    engine = Row(
        title="vLLM 안 (telemetry.engine_metrics를 켰을 때)",
        panels=(
            series(
                "KV 캐시 사용",
                "1이면 더 기다려요",
                ("max by (ReplicaId) (ray_vllm_kv_cache_usage_perc)", "{{ReplicaId}}"),
                unit="percentunit",
                limits=(0.9,),
            ),
            series(
                "앞부분 캐시 적중률",
                "다시 계산하지 않은 토큰",
                (
                    "(sum(rate(ray_vllm_prefix_cache_hits_total[5m])) or vector(0))"
                    " / sum(rate(ray_vllm_prefix_cache_queries_total[5m]))",
                    "적중",
                ),
                unit="percentunit",
            ),
            series(
                "엔진의 대기열",
                "실행 중과 대기 중",
                ("sum(ray_vllm_num_requests_running)", "실행"),
                ("sum(ray_vllm_num_requests_waiting)", "대기"),
            ),
            series(
                "토큰",
                "읽은 것과 쓴 것",
                ("sum(rate(ray_vllm_prompt_tokens_total[1m]))", "읽은 토큰/초"),
                ("sum(rate(ray_vllm_generation_tokens_total[1m]))", "쓴 토큰/초"),
            ),
        ),
    )
    return Dashboard(uid="naviyam-llm", title="나비얌 · 언어 모델", rows=(load, time, engine))
