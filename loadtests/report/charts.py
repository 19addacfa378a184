"""Pictures as inline SVG: lines, points and steps over a shared kind of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Points = Sequence[tuple[float, float]]
Form = Literal["line", "points"]

_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 26, 34
_COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2")
_MOST_POINTS = 2000  # more than a picture of 560 pixels can show
_TICKS = 5


@dataclass(frozen=True)
class Curve:
    """One series of a picture."""

    name: str
    points: Points
    form: Form = "line"


def chart(
    title: str,
    curves: Sequence[Curve],
    x_name: str,
    y_name: str,
    bands: Sequence[tuple[float, float, str]] = (),
    limits: Sequence[tuple[float, str]] = (),
) -> str:
    """A picture; ``bands`` shade parts of the x axis, ``limits`` are lines across it."""
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return ""
    xs = [x for curve in curves for x, _ in curve.points] + [x for b in bands for x in b[:2]]
    ys = [y for curve in curves for _, y in curve.points] + [y for y, _ in limits]
    frame = _Frame(min(xs), max(xs), 0.0, max(ys) * 1.05)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<text x="{_LEFT}" y="15" class="title">{escape(title)}</text>',
        *(frame.band(*band) for band in bands),
        frame.axes(x_name, y_name),
    ]
    for index, curve in enumerate(curves):
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(frame.curve(curve, colour))
        x = _WIDTH - _RIGHT - 110 * (len(curves) - index)
        if len(curves) > 1:
            parts.append(f'<circle cx="{x}" cy="12" r="4" fill="{colour}"/>')
            parts.append(f'<text x="{x + 8}" y="16">{escape(curve.name)}</text>')
    parts += [frame.limit(value, name) for value, name in limits]
    return "".join([*parts, "</svg>"])


def cdf(values: Sequence[float]) -> Points:
    """The share of values at or below each."""
    ordered = sorted(values)
    return [(value, (i + 1) / len(ordered)) for i, value in enumerate(ordered)]


@dataclass(frozen=True)
class _Frame:
    left: float
    right: float
    bottom: float
    top: float

    def x(self, value: float) -> float:
        span = (self.right - self.left) or 1.0
        return _LEFT + (value - self.left) / span * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        span = (self.top - self.bottom) or 1.0
        return _HEIGHT - _BOTTOM - (value - self.bottom) / span * (_HEIGHT - _TOP - _BOTTOM)

    def axes(self, x_name: str, y_name: str) -> str:
        parts = []
        for tick in _ticks(self.left, self.right):
            x = self.x(tick)
            parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 18}" class="x">{tick:g}</text>')
        for tick in _ticks(self.bottom, self.top):
            y = self.y(tick)
            across = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
            parts.append(f'<line {across} class="grid"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="y">{tick:g}</text>')
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(f'<text x="{middle}" y="{_HEIGHT - 4}" class="x">{escape(x_name)}</text>')
        turned = f'transform="rotate(-90)" x="{-(_TOP + _HEIGHT - _BOTTOM) / 2}" y="14"'
        parts.append(f'<text {turned} class="x">{escape(y_name)}</text>')
        return "".join(parts)

    def band(self, start: float, end: float, name: str) -> str:
        x, width = self.x(start), self.x(end) - self.x(start)
        box = f'x="{x:.1f}" y="{_TOP}" width="{max(width, 0):.1f}"'
        height = _HEIGHT - _TOP - _BOTTOM
        return f'<rect {box} height="{height}" class="band"><title>{escape(name)}</title></rect>'

    def curve(self, curve: Curve, colour: str) -> str:
        points = _thinned(curve.points)
        places = [(self.x(x), self.y(y)) for x, y in points]
        if curve.form == "points":
            dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in places)
            return f'<g fill="{colour}" fill-opacity="0.6">{dots}</g>'
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'

    def limit(self, value: float, name: str) -> str:
        y = self.y(value)
        across = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
        text = f'<text x="{_WIDTH - _RIGHT}" y="{y - 4:.1f}" class="limit">{escape(name)}</text>'
        return f'<line {across} class="limit"/>{text}'


def _ticks(low: float, high: float) -> list[float]:
    span = (high - low) or 1.0
    step = 10 ** math.floor(math.log10(span / _TICKS))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= _TICKS)
    first = math.ceil(low / step)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _thinned(points: Points) -> Points:
    """At most so many points; the extremes of each stretch stay."""
    if len(points) <= _MOST_POINTS:
        return points
    size = math.ceil(len(points) / (_MOST_POINTS // 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        ends = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept
