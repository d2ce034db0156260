"""The controller, jobs, the schedule, experiments. Pure."""

from cluster.telemetry.rules.types import AlertRule
from naviyam.settings import Settings


def learning(settings: Settings) -> tuple[AlertRule, ...]:
    """Return the alerts."""
    queued = settings.jobs.max_queued
    return (
        AlertRule(
            alert="NaviyamControllerSilent",
            expr="absent(ray_naviyam_controller_beat_timestamp_seconds)"
            " or time() - max(ray_naviyam_controller_beat_timestamp_seconds) > 120",
            held="1m",
            severity="page",
            summary="제어기가 응답하지 않아요",
            description="작업, 일정, 실험, 감시가 모두 멈췄어요. 되돌리기도 자동으로 되지 않아요.",
        ),
        AlertRule(
            alert="NaviyamPartFailing",
            expr="max by (part) (ray_naviyam_part_errors_in_row) >= 3",
            held="2m",
            severity="ticket",
            summary="제어기의 {{ $labels.part }} 부분이 계속 실패해요",
            description="연달아 {{ $value | humanize }}번 실패했어요. `naviyam status`에 마지막 오류가 있어요.",
        ),
        AlertRule(
            alert="NaviyamJobsFailing",
            expr='sum by (kind) (ray_naviyam_jobs_ended_day{state="failed"}) >= 3',
            held="0m",
            severity="ticket",
            summary="{{ $labels.kind }} 작업이 하루에 {{ $value | humanize }}번 실패했어요",
            description="`naviyam jobs list`와 `naviyam jobs logs`로 마지막 실패의 이유를 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamQueueFull",
            expr=f'max(ray_naviyam_jobs{{state="queued"}}) >= {0.8 * queued:g}',
            held="10m",
            severity="ticket",
            summary="작업 대기열이 거의 찼어요({{ $value | humanize }}건)",
            description=f"{queued}건까지만 받을 수 있고 그 뒤는 거절돼요. 막고 있는 이유를 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamJobsStarved",
            expr="max(ray_naviyam_job_wait_seconds) > 21600",
            held="10m",
            severity="ticket",
            summary="작업이 {{ $value | humanizeDuration }}째 시작하지 못해요",
            description="자원 기준(CPU, 메모리, GPU)이나 앞선 작업 때문에 기다리고 있어요.",
        ),
        AlertRule(
            alert="NaviyamScheduleLate",
            expr="max by (kind) (ray_naviyam_schedule_late_seconds) > 900",
            held="5m",
            severity="ticket",
            summary="{{ $labels.kind }} 일정이 {{ $value | humanizeDuration }} 늦었어요",
            description="정해진 시각이 지났는데 실행할지 정해지지 않았어요. 제어기의 schedule 부분을 확인하세요.",
        ),
        AlertRule(
            alert="NaviyamTrafficBehind",
            expr="max(ray_naviyam_traffic_wanted_revision) > min(ray_naviyam_traffic_revision)",
            held="1m",
            severity="page",
            summary="실험 비율이 모든 복제본에 닿지 않았어요",
            description="어떤 복제본이 옛 비율로 답하고 있어요. 되돌리기도 그 복제본에는 닿지 않았을 수 있어요.",
        ),
        AlertRule(
            alert="NaviyamArmErrors",
            expr="sum by (layer) (rate(ray_naviyam_arm_errors_total[5m]))"
            ' / sum by (layer) (rate(ray_naviyam_arm_answers_total{arm="candidate"}[5m]))'
            f" > {settings.rollout.max_error_rate:g}",
            held="5m",
            severity="ticket",
            summary="{{ $labels.layer }} 후보가 {{ $value | humanizePercentage }} 답하지 못해요",
            description="후보 대신 지금 모델이 답하고 있어요. 기준을 넘으면 실험은 자동으로 되돌려요.",
        ),
        AlertRule(
            alert="NaviyamMonitorAlert",
            expr="max by (rule, population, level) (ray_naviyam_alerts_open) > 0",
            held="0m",
            severity="ticket",
            summary="{{ $labels.rule }} 경보가 열려 있어요({{ $labels.population }})",
            description="기록을 읽는 감시가 낸 경보예요. `naviyam monitor alerts`에 뜻과 첫 확인 방법이 있어요.",
        ),
        AlertRule(
            alert="NaviyamCompactionBehind",
            expr="max by (kind) (ray_naviyam_event_oldest_segment_seconds) > 172800",
            held="30m",
            severity="ticket",
            summary="기록({{ $labels.kind }}) 정리가 {{ $value | humanizeDuration }} 밀렸어요",
            description="이틀 넘게 기록이 Parquet으로 옮겨지지 않았어요. 매일 도는 정리 작업을 확인하세요.",
        ),
    )
