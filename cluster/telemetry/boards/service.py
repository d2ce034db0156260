"""The service: what children meet now, traffic, time, the log. Pure."""

from cluster.telemetry.boards.panels import quantile, rate, series, stat
from cluster.telemetry.grafana import Dashboard, Row
from naviyam.settings import Settings


def service(settings: Settings) -> Dashboard:
    """Return the dashboard."""
    most, told = settings.monitoring.max_error_rate, settings.telemetry
    now = Row(
        title="지금",
        panels=(
            stat(
                "초당 요청",
                "실제 사용자의 대화와 추천",
                "sum(naviyam:answers:rate5m)",
                unit="reqps",
            ),
            stat(
                "실패율",
                "답을 받지 못한 요청",
                'max(naviyam:answers_failed:ratio5m{route="chat"})',
                unit="percentunit",
                limits=(most / 2, most),
            ),
            stat(
                "대신한 비율",
                "언어 모델이나 검색 없이 만든 답",
                "naviyam:answers_degraded:ratio5m",
                unit="percentunit",
                limits=(0.1, 0.2),
            ),
            stat(
                "답변 중앙값",
                f"기준 {told.answer_p50_s:g}초",
                'naviyam:answer_seconds:p50_5m{route="chat"}',
                unit="s",
                limits=(told.answer_p50_s,),
            ),
            stat(
                "답변 95%",
                f"기준 {told.answer_p95_s:g}초",
                'naviyam:answer_seconds:p95_5m{route="chat"}',
                unit="s",
                limits=(told.answer_p95_s,),
            ),
            stat(
                "돌려보낸 요청",
                "초당 503",
                "sum(naviyam:refused:rate5m) or vector(0)",
                limits=(0.01, 0.1),
            ),
        ),
    )
    traffic = Row(
        title="요청",
        panels=(
            series(
                "경로별 요청",
                "HTTP 요청, 경로의 틀로",
                (rate("ray_naviyam_http_requests_total", "route"), "{{route}}"),
                unit="reqps",
            ),
            series(
                "상태 코드",
                "499는 기다리다 떠난 사람",
                (rate("ray_naviyam_http_requests_total", "status"), "{{status}}"),
                unit="reqps",
                stacked=True,
            ),
            series(
                "대화의 결과",
                "ok, degraded 또는 실패의 이유",
                (rate("ray_naviyam_answers_total", "outcome", '{route="chat"}'), "{{outcome}}"),
                unit="reqps",
                stacked=True,
            ),
            series(
                "대신한 이유",
                "왜 답이 간단했는지",
                (rate("ray_naviyam_degraded_total", "reason"), "{{reason}}"),
                unit="reqps",
            ),
            series(
                "처리 중인 요청",
                "문지기별, 한도와 함께",
                ("sum by (gate) (ray_naviyam_inside)", "{{gate}}"),
                ("sum by (gate) (ray_naviyam_inside_limit)", "{{gate}} 한도"),
            ),
            series(
                "의도",
                "아이들이 원한 것; HELP_NEEDED는 도움 요청",
                (rate("ray_naviyam_intents_total", "intent"), "{{intent}}"),
                unit="reqps",
            ),
        ),
    )
    time = Row(
        title="시간",
        panels=(
            series(
                "대화 한 번",
                "처음부터 끝까지",
                *(
                    (quantile(q, "ray_naviyam_answer_seconds", "route"), f"{{{{route}}}} p{q:.0%}")
                    for q in (0.5, 0.95)
                ),
                unit="s",
                limits=(told.answer_p95_s,),
            ),
            series(
                "단계별 95%",
                "여덟 단계",
                (quantile(0.95, "ray_naviyam_stage_seconds", "stage"), "{{stage}}"),
                unit="s",
            ),
            series(
                "후보 찾기",
                "검색과 깔때기",
                (quantile(0.95, "ray_naviyam_candidates_seconds", "part"), "{{part}}"),
                unit="s",
            ),
            series(
                "순위에 오른 가게",
                "중앙값",
                (quantile(0.5, "ray_naviyam_candidates", "route"), "{{route}}"),
            ),
        ),
    )
    kept = Row(
        title="기록과 캐시",
        panels=(
            series(
                "기록이 디스크에 닿기까지(99%)",
                "이벤트 로그의 지연",
                (quantile(0.99, "ray_naviyam_event_commit_seconds", "kind"), "{{kind}}"),
                (quantile(0.99, "ray_naviyam_event_sync_seconds", "kind"), "{{kind}} 쓰기만"),
                unit="s",
            ),
            series(
                "기록 수",
                "종류별",
                (rate("ray_naviyam_event_records_total", "kind"), "{{kind}}"),
                (rate("ray_naviyam_event_failures_total", "kind"), "{{kind}} 실패"),
                unit="ops",
            ),
            series(
                "피드백",
                "종류별",
                (rate("ray_naviyam_feedback_total", "type", '{duplicate="false"}'), "{{type}}"),
                unit="ops",
            ),
            series(
                "캐시 적중률",
                "찾은 것의 비율",
                (
                    rate("ray_naviyam_cache_lookups_total", "cache", '{result="hit"}')
                    + " / "
                    + rate("ray_naviyam_cache_lookups_total", "cache"),
                    "{{cache}}",
                ),
                unit="percentunit",
            ),
        ),
    )
    return Dashboard(
        uid="naviyam-service", title="나비얌 · 서비스", rows=(now, traffic, time, kept)
    )
