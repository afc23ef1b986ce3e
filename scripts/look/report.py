"""Reports to keep: a page of one file with the map to point at, and the terminal's picture as SVG."""

import html
import io
import json
import pathlib

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from look.plot import free_plot

FOLDER = pathlib.Path(__file__).parent

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}
</style>
</head>
<body>
<h1>Frames of {board}</h1>
<p class="quiet">physmem {version}. {looks}. Point at a map, or press Tab and the arrow keys, to see what is where.</p>
<div id="map"></div>
<noscript><p>The map needs JavaScript, which this page has in itself.</p></noscript>
{plots}
{leaks}
<p class="quiet">{cost}</p>
<script>
{script}
</script>
<script>
drawMemoryMap(document.getElementById('map'), {snapshot});
</script>
</body>
</html>
"""

THEME = TerminalTheme((22, 27, 34), (230, 237, 243), [(22, 27, 34), *[(201, 209, 217)] * 2, (240, 200, 80)])
"""Dark, as most terminals are. The pictures name their colours themselves, except for black and yellow."""

SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich has it, but without fonts that a reader would have to fetch."""


def svg_picture(picture, width, title):
    """Return `picture`, which rich prints, as SVG of `width` columns."""
    console = Console(
        width=width, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    console.print(picture)
    text = console.export_svg(title=title, theme=THEME, code_format=SVG, unique_id="map")
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def _plots(history):
    figures = []
    for region in history.latest.regions:
        series = history.series(region.name)
        if len(series) > 1 and not region.is_of_the_firmware:
            most = max(region.frames, *(free for _, free, _ in series))  # it may have had more before a restart
            plot = free_plot(series, most)
            figures.append(f"<figure><figcaption>{html.escape(region.name)}</figcaption>{plot}</figure>")
    if not figures:
        return ""
    keys = (
        '<p class="quiet"><span class="key-free">solid: free frames</span>, '
        '<span class="key-largest">dashed: the largest free run</span>.</p>'
    )
    return f'<h2>Over time</h2>\n{keys}\n<div class="plots">{"".join(figures)}</div>'


def _leaks(history, view):
    if view.leaks is None:
        return ""
    rows = []
    for name, first, count, owner in view.leaks:
        cells = (name, history.latest.place(name, first), f"{count:,} frames", "no owner" if owner is None else owner)
        rows.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>")
    table = "<table><tr><th>region</th><th>address</th><th>size</th><th>owner</th></tr>" + "".join(rows) + "</table>"
    return f"<h2>Allocated since mark {view.mark}, and not freed: {len(rows)}</h2>\n{table if rows else ''}"


def _in_a_script(value):
    """Return `value` as JSON that cannot end the script that it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def html_report(history, view):
    """Return a page of one self-contained file: the map of the latest look, and what came before it as plots."""
    snapshot, looks = history.latest, len(history.looks)
    cost = "Each look was a call on the board."
    if snapshot.us is not None and view.line_cost:
        sent, received = view.line_cost
        cost = f"The last look took {snapshot.us / 1000:,.1f} ms on the board; {sent:,} bytes were sent there, "
        cost += f"{received:,} received."
    looked = "One look" if looks == 1 else f"Look {looks} of {looks}, in {history.looks[-1].seconds:.1f} s"
    return PAGE.format(
        title=html.escape(f"physmem: {view.title}"),
        board=html.escape(view.title),
        version=html.escape(snapshot.version),
        looks=looked,
        style="\n".join((FOLDER / name).read_text(encoding="utf-8") for name in ("report.css", "memory_map.css")),
        script=(FOLDER / "memory_map.js").read_text(encoding="utf-8"),
        snapshot=_in_a_script(snapshot.as_dict()),
        plots=_plots(history),
        leaks=_leaks(history, view),
        cost=cost,
    )
