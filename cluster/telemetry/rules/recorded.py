"""Expressions that dashboards and alerts share, kept under names. Pure."""

from cluster.telemetry.rules.types import Recording

_RATE = 'sum by (route) (rate(ray_naviyam_answers_total{population="real"}[5m]))'
_FAILED = (
    'sum by (route) (rate(ray_naviyam_answers_total{population="real",outcome!~"ok|degraded"}[5m]))'
)
_CHATS = 'sum(rate(ray_naviyam_answers_total{route="chat",population="real"}[5m]))'
RECORDINGS = (
    Recording(record="naviyam:answers:rate5m", expr=_RATE),
    Recording(record="naviyam:answers_failed:rate5m", expr=_FAILED),
    Recording(
        record="naviyam:answers_failed:ratio5m",
        expr=f"({_FAILED} or {_RATE} * 0) / {_RATE}",
    ),
    Recording(
        record="naviyam:answers_degraded:ratio5m",
        expr='(sum(rate(ray_naviyam_answers_total{route="chat",population="real",outcome="degraded"}[5m]))'
        f" or {_CHATS} * 0) / {_CHATS}",
    ),
    *(
        Recording(
            record=f"naviyam:answer_seconds:p{share}_5m",
            expr=f"histogram_quantile(0.{share}, "
            "sum by (route, le) (rate(ray_naviyam_answer_seconds_bucket[5m])))",
        )
        for share in (50, 95)
    ),
    Recording(
        record="naviyam:stage_seconds:p95_5m",
        expr="histogram_quantile(0.95, sum by (stage, le) (rate(ray_naviyam_stage_seconds_bucket[5m])))",
    ),
    Recording(
        record="naviyam:refused:rate5m", expr="sum by (gate) (rate(ray_naviyam_refused_total[5m]))"
    ),
    Recording(
        record="naviyam:llm_tokens:rate1m", expr="sum(rate(ray_naviyam_llm_tokens_total[1m]))"
    ),
    Recording(
        record="naviyam:llm_first_piece_seconds:p95_5m",
        expr="histogram_quantile(0.95, "
        "sum by (adapter, le) (rate(ray_naviyam_llm_first_piece_seconds_bucket[5m])))",
    ),
)
