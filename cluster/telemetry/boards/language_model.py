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
    return Dashboard(uid="naviyam-llm", title="나비얌 · 언어 모델", rows=(load, time))
