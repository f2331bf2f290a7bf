"""Small line charts as SVG, with a logarithmic x axis."""

import math
from html import escape

WIDTH, HEIGHT = 480, 280
LEFT, RIGHT, TOP, BOTTOM = 60, 90, 36, 44
COLOURS = ("#1f6feb", "#bf4b00", "#2da44e", "#8250df")
TEXT = 'font-family="sans-serif" font-size="11" fill="#57606a"'


def nice_ticks(top):
    """0 and up to five round steps that reach the top."""
    step = 10 ** math.floor(math.log10(top / 4))
    for factor in (1, 2, 5, 10):
        if top / (step * factor) <= 5:
            break
    step *= factor
    return [step * i for i in range(math.ceil(top / step) + 1)]


def decades(low, high):
    return [10 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def number(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


class Axis:
    """Maps values to one direction of the drawing."""

    def __init__(self, ticks, start, end, log):
        self.ticks, self.start, self.end, self.log = ticks, start, end, log
        self.low, self.high = self.scale(ticks[0]), self.scale(ticks[-1])

    def scale(self, value):
        return math.log10(value) if self.log else value

    def at(self, value):
        share = (self.scale(value) - self.low) / ((self.high - self.low) or 1)
        return round(self.start + share * (self.end - self.start), 1)


def axes(data, log_y):
    xs = sorted({x for points in data.values() for x, _ in points})
    ys = [y for points in data.values() for _, y in points]
    x_axis = Axis(xs, LEFT, WIDTH - RIGHT, True)
    ticks = decades(min(ys), max(ys)) if log_y else nice_ticks(max(ys))
    return x_axis, Axis(ticks, HEIGHT - BOTTOM, TOP, log_y)


def grid(x_axis, y_axis, x_label):
    for tick in y_axis.ticks:
        y = y_axis.at(tick)
        yield f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="#d0d7de"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" {TEXT}>{number(tick)}</text>'
    for tick in x_axis.ticks:
        yield (f'<text x="{x_axis.at(tick)}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle" '
               f'{TEXT}>{number(tick)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield (f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle" {TEXT}>'
           f'{escape(x_label)}</text>')


def line(label, points, colour, x_axis, y_axis):
    places = [(x_axis.at(x), y_axis.at(y)) for x, y in points]
    path = "L".join(f"{x} {y}" for x, y in places)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
    x, y = places[-1]
    yield (f'<text x="{x + 8}" y="{y + 4}" font-family="sans-serif" font-size="12" '
           f'fill="{colour}">{escape(label.capitalize())}</text>')


def draw(title, x_label, data, log_y=False):
    """The SVG text of a chart of {label: [(x, y), ...]}."""
    x_axis, y_axis = axes(data, log_y)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
             f'viewBox="0 0 {WIDTH} {HEIGHT}">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
             f'<text x="{LEFT}" y="20" font-family="sans-serif" font-size="13" fill="#1f2328">'
             f'{escape(title)}</text>',
             *grid(x_axis, y_axis, x_label)]
    for (label, points), colour in zip(data.items(), COLOURS):
        parts += line(label, points, colour, x_axis, y_axis)
    return "\n".join([*parts, "</svg>"]) + "\n"
