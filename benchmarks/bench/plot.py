"""Draw docs/bench.svg: the cost of a raw allocation and its free against the number of frames of the region."""

from math import log2
from xml.etree import ElementTree

SERIES = ("alloc(1)", "alloc(16)", "alloc_aligned(16, 16)", "alloc(64)")
WIDTH, HEIGHT = 780, 420
LEFT, TOP, RIGHT, BOTTOM = 56, 84, 12, 52
GAP = 66  # between the two panels
LABEL_WIDTH = 48  # labels on the frames axis that would be closer than this are left out
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #ddd; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
.most { fill: none; stroke-width: 1.5; stroke-dasharray: 3 3 }
.s0 { stroke: #0b6fb8 } .s1 { stroke: #b85c00 } .s2 { stroke: #7a3fa0 } .s3 { stroke: #2a7d3a }
.page { fill: #fff }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .grid { stroke: #3a3f46 } .page { fill: #0d1117 }
.s0 { stroke: #58b0f0 } .s1 { stroke: #f0a050 } .s2 { stroke: #c79aea } .s3 { stroke: #6fce82 }
}
"""


def _step(most):
    """Return a round step that divides an axis from 0 to *most* into four to eight parts."""
    step = 1
    while most / step > 8:
        step *= 2.5 if str(step)[0] == "2" else 2
    return int(step)


class _Panel:
    """One pair of axes: x is the number of frames, logarithmic; y is instructions, from 0."""

    def __init__(self, svg, left, width, title, frames, most):
        self.svg, self.left, self.width = svg, left, width
        self.frames = frames
        step = _step(most)
        self.top = -(-most // step) * step
        self.text(left, TOP - 14, title, "title")
        for value in range(0, int(self.top) + 1, step):
            y = self.y(value)
            self.element("line", "grid", x1=left, x2=left + width, y1=y, y2=y)
            self.text(left - 6, y + 4, f"{value:,}", anchor="end")
        last = -LABEL_WIDTH
        for count in frames:
            if self.x(count) - last >= LABEL_WIDTH:
                last = self.x(count)
                self.text(last, HEIGHT - BOTTOM + 18, f"{count:,}", anchor="middle")
        self.text(left + width / 2, HEIGHT - 12, "frames of the region", anchor="middle")

    def element(self, tag, style, **attributes):
        """Add an SVG element; numbers are in pixels."""
        return ElementTree.SubElement(
            self.svg, tag, {"class": style} | {name: f"{value:g}" for name, value in attributes.items()}
        )

    def text(self, x, y, words, style="", anchor="start"):
        element = self.element("text", style, x=round(x, 1), y=round(y, 1))
        element.set("text-anchor", anchor)
        element.text = words

    def x(self, count):
        first, last = log2(self.frames[0]), log2(self.frames[-1])
        return round(self.left + 8 + (log2(count) - first) / (last - first) * (self.width - 24), 1)

    def y(self, value):
        return round(HEIGHT - BOTTOM - value / self.top * (HEIGHT - BOTTOM - TOP), 1)

    def line(self, values, style):
        """Draw a line through *values*, one for each number of frames; None leaves a gap at an end."""
        points = [f"{self.x(count)},{self.y(value)}" for count, value in zip(self.frames, values) if value is not None]
        self.element("polyline", style).set("points", " ".join(points))


def svg(figures):
    """Return the picture as SVG text."""
    by_frames = figures["alloc and free by size of region"]
    frames = [int(count) for count in by_frames]
    root = ElementTree.Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img"}
    )
    ElementTree.SubElement(root, "title").text = "Instructions of an allocation and its free by frames of the region"
    ElementTree.SubElement(root, "style").text = STYLE
    ElementTree.SubElement(root, "rect", {"class": "page", "width": str(WIDTH), "height": str(HEIGHT)})
    width = (WIDTH - LEFT - RIGHT - GAP) / 2
    empty = [[region[name]["empty"] for region in by_frames.values()] for name in SERIES]
    aged = [[region[name]["75 % used, aged"] or [None] * 3 for region in by_frames.values()] for name in SERIES]
    panel = _Panel(root, LEFT, width, "Empty region", frames, max(map(max, empty)))
    for i, values in enumerate(empty):
        panel.line(values, f"line s{i}")
    most = max(value[2] for values in aged for value in values if value[2] is not None)
    panel = _Panel(root, LEFT + width + GAP, width, "75 % used: mean, maximum dotted", frames, most)
    for i, values in enumerate(aged):
        panel.line([value[0] for value in values], f"line s{i}")
        panel.line([value[2] for value in values], f"most s{i}")
    panel.text(LEFT, 20, "Instructions of an allocation and its free", "title")
    x = LEFT
    for i, name in enumerate(SERIES):
        panel.element("line", f"line s{i}", x1=x, x2=x + 20, y1=38, y2=38)
        panel.text(x + 26, 42, name)
        x += 7 * len(name) + 60
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"
