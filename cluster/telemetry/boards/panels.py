"""Panels and expressions in short. Pure."""

from cluster.telemetry.grafana import Panel, Query, Unit


def stat(
    title: str,
    meaning: str,
    expr: str,
    *,
    unit: Unit = "short",
    limits: tuple[float, ...] = (),
    width: int = 4,
) -> Panel:
    """Return a single figure."""
    return Panel(
        title=title,
        meaning=meaning,
        queries=(Query(expr=expr),),
        unit=unit,
        kind="stat",
        width=width,
        height=4,
        limits=limits,
    )


def series(
    title: str,
    meaning: str,
    *queries: tuple[str, str],
    unit: Unit = "short",
    width: int = 12,
    limits: tuple[float, ...] = (),
    stacked: bool = False,
) -> Panel:
    """Return curves; each query is an expression and its legend."""
    return Panel(
        title=title,
        meaning=meaning,
        queries=tuple(Query(expr=expr, legend=legend) for expr, legend in queries),
        unit=unit,
        width=width,
        limits=limits,
        stacked=stacked,
    )


def rate(metric: str, by: str, select: str = "") -> str:
    """Return the rate of a counter over five minutes, by labels."""
    return f"sum by ({by}) (rate({metric}{select}[5m]))"


def quantile(share: float, metric: str, by: str = "") -> str:
    """Return a quantile of a histogram, by labels."""
    grouped = f"{by}, le" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({grouped}) (rate({metric}_bucket[$__rate_interval])))"
