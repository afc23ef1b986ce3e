"""A small plot of free frames and the largest free run over time, as SVG that stands in a page."""

WIDTH, HEIGHT = 460, 120
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 8, 22
LINES = (("free", 1), ("largest", 2))


def _steps(points):
    """Return the path of a line that keeps each value until the next."""
    text, before = "", None
    for x, y in points:
        text += f"M{x:.1f} {y:.1f}" if before is None else f"H{x:.1f}" + (f"V{y:.1f}" if y != before else "")
        before = y
    return text


def free_plot(series, frames):
    """Return SVG of `series`, [(seconds, free, largest free run)] with two or more entries, of a region of `frames`
    frames. The page styles its classes: plot-axis, plot-label, plot-free, plot-largest."""
    end = series[-1][0] or 1
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="free frames and the largest free run over {end:.1f} seconds">'
    ]
    for share, number in ((0, frames), (0.5, frames / 2), (1, 0)):
        y = TOP + share * down
        parts.append(f'<path class="plot-axis" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="plot-label" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number:,.0f}</text>')
    for x, text, anchor in ((LEFT, "0 s", "start"), (WIDTH - RIGHT, f"{end:.1f} s", "end")):
        parts.append(f'<text class="plot-label" x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{text}</text>')
    for name, column in LINES:
        points = [(LEFT + across * row[0] / end, TOP + down * (1 - row[column] / frames)) for row in series]
        parts.append(f'<path class="plot-{name}" d="{_steps(points)}"/>')
    return "".join([*parts, "</svg>"])
