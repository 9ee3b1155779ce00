"""What a measurement found, and how it is written down.

Guarantees: a figure and its floor are medians of rounds in which both were measured in turn, so that the noise of the
machine hits both. A target that is missed is only said: numbers are for comparing, never for passing.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number. `floor`: what the same would cost at least, or what a reference costs, named by `floor_name`.

    `target` is for the value, `target_ratio` for the ratio, where a reference is what counts; at most one of them.
    """

    name: str
    unit: str
    value: float
    floor: float | None = None
    floor_name: str = ""
    target: float | None = None
    more_is_better: bool = False
    target_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value, in floors."""
        return self.value / self.floor if self.floor else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        reached, wanted = (self.value, self.target) if self.target is not None else (self.ratio, self.target_ratio)
        if reached is None or wanted is None:
            return None
        return reached >= wanted if self.more_is_better else reached <= wanted

    def as_json(self) -> dict[str, Any]:
        """As it stands in bench.json."""
        return {
            "name": self.name,
            "unit": self.unit,
            "value": _round(self.value),
            "floor": _round(self.floor),
            "floor_name": self.floor_name,
            "ratio": _round(self.ratio),
            "target": self.target,
            "target_ratio": _round(self.target_ratio),
            "met": self.met,
        }


@dataclass(frozen=True)
class Found:
    """What one room of the bench measured: its figures, and text for the report that explains them."""

    figures: list[Figure]
    text: str = ""


def in_turn(rounds: int, **works: Callable[[], float]) -> dict[str, float]:
    """Run all works in each round, in turn; the medians of what they return."""
    seen: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seen[name].append(work())
    return {name: statistics.median(values) for name, values in seen.items()}


def table(figures: Iterable[Figure]) -> str:
    """A Markdown table, which is also what a terminal shows."""
    head = ("figure", "value", "floor", "ratio", "target")
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write(folder: Path, found: list[Found]) -> None:
    """bench.json and bench.md."""
    figures = [figure for one in found for figure in one.figures]
    folder.mkdir(exist_ok=True)
    content = json.dumps([figure.as_json() for figure in figures], ensure_ascii=False, indent=1)
    (folder / "bench.json").write_text(content + "\n", encoding="utf-8")
    intro = (
        "Medians; each figure and its floor were measured in turn in the same run. Ratio is value by floor. "
        "Compare ratios: times are this machine's."
    )
    texts = [one.text for one in found if one.text]
    text = "\n\n".join(["# Bench", intro, table(figures), *texts])
    (folder / "bench.md").write_text(text + "\n", encoding="utf-8")


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    floor = "" if figure.floor is None else f"{_shown(figure.floor)} {figure.unit}: {figure.floor_name}"
    ratio = "" if figure.ratio is None else _shown(figure.ratio)
    target = "" if figure.met is None else f"{_wanted(figure)}, {'met' if figure.met else 'missed'}"
    return figure.name, f"{_shown(figure.value)} {figure.unit}", floor, ratio, target


def _wanted(figure: Figure) -> str:
    if figure.target is not None:
        return _shown(figure.target)
    return f"ratio {_shown(figure.target_ratio or 0.0)}"


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
