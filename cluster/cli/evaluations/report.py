"""Writes sections of an evaluation as a folder: `report.md`, `figures.json` and one SVG a plot. Measures nothing."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from naviyam.evaluation.section import Plot, Section, Table


def write_report(folder: Path, sections: Mapping[str, Section]) -> Path:
    """Write everything below `folder`, replacing an earlier report there; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {name: section.to_dict() for name, section in sections.items()}
    (folder / "figures.json").write_text(
        json.dumps(figures, ensure_ascii=False, indent=1, default=str), encoding="utf-8"
    )
    parts = ["# Naviyam: evaluation\n"]
    for name, section in sections.items():
        parts.append(f"## {name.capitalize()}\n")
        parts += [f"- {note}\n" for note in section.notes]
        parts += [_markdown(table) for table in section.tables]
        for number, plot in enumerate(section.plots, 1):
            file = f"{name}-{number}.svg"
            draw(plot, folder / file)
            parts.append(f"![{plot.title}]({file})\n")
        parts.append("Sets: " + ", ".join(f"{k} ({v})" for k, v in section.sets.items()) + "\n")
    page = folder / "report.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def draw(plot: Plot, path: Path) -> None:
    """Draw one plot as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = plot.title  # the same figures give the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    positions = range(len(plot.x)) if plot.kind == "bar" else plot.x
    width = 0.8 / max(len(plot.series), 1)
    for number, (name, values) in enumerate(plot.series.items()):
        if plot.kind == "bar":
            at = [p + (number - (len(plot.series) - 1) / 2) * width for p in range(len(plot.x))]
            axes.bar(at, values, width, label=name)
        else:
            axes.plot(positions, values, marker="o", markersize=3, label=name)
    if plot.kind == "bar":
        axes.set_xticks(list(range(len(plot.x))), [str(x) for x in plot.x], rotation=30, ha="right")
    if plot.log_x:
        axes.set_xscale("log")
    axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
    axes.grid(alpha=0.3)
    if len(plot.series) > 1:
        axes.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _markdown(table: Table) -> str:
    lines = [f"**{table.title}**\n", _row(table.columns), _row("---" for _ in table.columns)]
    lines += [_row(_cell(value) for value in row) for row in table.rows]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)
