"""Draw the figure of the placement study as SVG, with a panel for each trace and a line for each policy."""

from html import escape

# The colours of Okabe and Ito, which colour-blind readers can tell apart. Lines that run close together are dashed too.
STYLES = {
    "first fit": 'stroke="#000000" stroke-width="2.2"',
    "best fit": 'stroke="#D55E00" stroke-width="1.3" stroke-dasharray="2 2"',
    "hybrid": 'stroke="#0072B2" stroke-width="1.3" stroke-dasharray="5 2"',
    "hybrid, top": 'stroke="#7A1FA2" stroke-width="1.3"',
    "two-ended": 'stroke="#009E73" stroke-width="1.1"',
    "class fit": 'stroke="#CC79A7" stroke-width="1.1"',
    "buddy": 'stroke="#E69F00" stroke-width="1.1"',
    "next fit": 'stroke="#56B4E9" stroke-width="1.1"',
    "worst fit": 'stroke="#999999" stroke-width="1.1"',
}
COLUMNS = 2
WIDTH, HEIGHT = 470, 200  # of a panel with its margins, in pixels
LEFT, RIGHT, ABOVE, BELOW = 46, 12, 26, 30
LEGEND = 58


def draw(title, panels):
    """Return the SVG text. `panels` is ``{trace: {policy: [share, ...]}}``, shares of 0 to 1 at equal steps of time."""
    rows = -(-len(panels) // COLUMNS)
    width, height = COLUMNS * WIDTH, LEGEND + rows * HEIGHT
    svg = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">'
        % (width, height),
        "<title>%s</title>" % escape(title),
        '<rect width="%d" height="%d" fill="#ffffff"/>' % (width, height),
        '<text x="12" y="20" font-size="13">%s</text>' % escape(title),
    ]
    step = (width - 24) / len(STYLES)
    for i, (policy, style) in enumerate(STYLES.items()):
        x = 12 + i * step
        svg.append('<line x1="%.0f" y1="40" x2="%.0f" y2="40" %s/>' % (x, x + 26, style))
        svg.append('<text x="%.0f" y="44">%s</text>' % (x + 31, policy))
    for i, (trace, lines) in enumerate(panels.items()):
        svg.extend(_panel(trace, lines, i % COLUMNS * WIDTH, LEGEND + i // COLUMNS * HEIGHT))
    svg.append("</svg>")
    return "\n".join(svg) + "\n"


def _panel(trace, lines, x, y):
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - ABOVE - BELOW
    svg = ['<g transform="translate(%d %d)" fill="none">' % (x + LEFT, y + ABOVE)]
    svg.append('<text x="0" y="-8" font-size="12" font-weight="bold" fill="#000">%s</text>' % escape(trace))
    for percent in range(0, 101, 25):
        height = inner_height * (1 - percent / 100)
        svg.append('<line x1="0" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>' % (height, inner_width, height))
        svg.append('<text x="-6" y="%.1f" text-anchor="end" fill="#000">%d %%</text>' % (height + 4, percent))
    svg.append(
        '<text x="%d" y="%d" text-anchor="end" fill="#000">time: the trace from its first to its last step'
        "</text>" % (inner_width, inner_height + 18)
    )
    for policy in reversed(STYLES):
        shares = lines[policy]
        points = " ".join(
            "%.1f,%.1f" % (inner_width * i / (len(shares) - 1), inner_height * (1 - share))
            for i, share in enumerate(shares)
        )
        svg.append('<polyline points="%s" %s/>' % (points, STYLES[policy]))
    svg.append("</g>")
    return svg
