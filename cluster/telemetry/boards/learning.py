"""Learning: experiments, jobs, the schedule, the controller. Pure."""

from cluster.telemetry.boards.panels import quantile, rate, series, stat
from cluster.telemetry.grafana import Dashboard, Row
from naviyam.settings import Settings


def learning(settings: Settings) -> Dashboard:
    """Return the dashboard."""
    gate, most = settings.jobs.gate, settings.rollout.max_error_rate
    tried = rate("ray_naviyam_arm_answers_total", "layer", '{arm="candidate"}')
    trying = Row(
        title="실험",
        panels=(
            series(
                "후보의 비율",
                "층별로 후보를 받는 사용자",
                ("max by (layer) (ray_naviyam_experiment_weight)", "{{layer}}"),
                unit="percentunit",
            ),
            series(
                "갈래별 답",
                "stable과 candidate",
                (rate("ray_naviyam_arm_answers_total", "layer, arm"), "{{layer}} {{arm}}"),
                unit="reqps",
            ),
            series(
                "갈래별 시간(95%)",
                f"후보가 {settings.rollout.max_latency_ratio:g}배 느리면 되돌려요",
                (quantile(0.95, "ray_naviyam_arm_seconds", "layer, arm"), "{{layer}} {{arm}}"),
                unit="s",
            ),
            series(
                "후보의 실패",
                f"기준 {most:.0%}",
                (
                    f"({rate('ray_naviyam_arm_errors_total', 'layer')} or {tried} * 0) / {tried}",
                    "{{layer}}",
                ),
                unit="percentunit",
                limits=(most,),
            ),
            series(
                "비율표의 번호",
                "모든 복제본이 같아야 해요",
                ("max(ray_naviyam_traffic_wanted_revision)", "원하는 것"),
                ("min(ray_naviyam_traffic_revision)", "가장 뒤진 복제본"),
            ),
            series(
                "열린 실험",
                "층과 상태별",
                ("sum by (layer, state) (ray_naviyam_experiments)", "{{layer}} {{state}}"),
            ),
        ),
    )
    working = Row(
        title="작업과 일정",
        panels=(
            series(
                "작업",
                "끝나지 않은 것",
                ("max by (state) (ray_naviyam_jobs)", "{{state}}"),
                stacked=True,
            ),
            series(
                "무엇을 기다리나",
                "대기 중인 작업의 이유",
                ("max by (reason) (ray_naviyam_jobs_waiting)", "{{reason}}"),
                stacked=True,
            ),
            series(
                "가장 오래 기다린 작업",
                "대기 시간",
                ("max(ray_naviyam_job_wait_seconds)", "대기"),
                unit="s",
            ),
            series(
                "하루 동안 끝난 작업",
                "종류와 결과",
                ("max by (kind, state) (ray_naviyam_jobs_ended_day)", "{{kind}} {{state}}"),
            ),
            series(
                "자원 기준",
                f"CPU {gate.cpu:.0%}, 메모리 {gate.memory:.0%}, GPU {gate.gpu:.0%} 이하에서 시작",
                ("max by (resource) (ray_naviyam_load)", "{{resource}}"),
                ("max by (resource) (ray_naviyam_load_limit)", "{{resource}} 기준"),
                unit="percentunit",
            ),
            series(
                "일정의 지연",
                "정해진 시각이 지난 시간",
                ("max by (kind) (ray_naviyam_schedule_late_seconds)", "{{kind}}"),
                unit="s",
            ),
            stat(
                "다음 학습",
                "예정 시각",
                'max(ray_naviyam_schedule_next_timestamp_seconds{kind="learn"}) * 1000',
                unit="dateTimeAsIso",
                width=6,
            ),
            stat(
                "오늘 학습",
                f"하루 {settings.schedule.max_trainings_a_day}번까지",
                'max(ray_naviyam_schedule_runs_today{kind="learn"})',
                width=6,
            ),
            stat(
                "멈춘 일정",
                "누군가 멈춘 것",
                "sum(max by (kind) (ray_naviyam_schedule_paused))",
                width=6,
                limits=(1,),
            ),
            stat(
                "열린 경보",
                "기록을 읽는 감시",
                "sum(max by (rule, population, level) (ray_naviyam_alerts_open)) or vector(0)",
                width=6,
                limits=(1,),
            ),
        ),
    )
    controller = Row(
        title="제어기",
        panels=(
            stat(
                "마지막 신호",
                "지난 시간",
                "time() - max(ray_naviyam_controller_beat_timestamp_seconds)",
                unit="s",
                limits=(30, 120),
                width=6,
            ),
            series(
                "부분별 걸린 시간",
                "마지막 확인",
                ("max by (part) (ray_naviyam_part_seconds)", "{{part}}"),
                unit="s",
                width=9,
            ),
            series(
                "연달은 실패",
                "부분별",
                ("max by (part) (ray_naviyam_part_errors_in_row)", "{{part}}"),
                width=9,
            ),
            series(
                "정리를 기다리는 기록",
                "Parquet이 아닌 조각",
                ("max by (kind) (ray_naviyam_event_segments)", "{{kind}}"),
            ),
            series(
                "가장 오래된 조각",
                "정리의 지연",
                ("max by (kind) (ray_naviyam_event_oldest_segment_seconds)", "{{kind}}"),
                unit="s",
            ),
        ),
    )
    return Dashboard(
        uid="naviyam-learning", title="나비얌 · 학습과 실험", rows=(trying, working, controller)
    )
