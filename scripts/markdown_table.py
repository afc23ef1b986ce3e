"""Format tables and numbers for the pages of docs/ that programs write."""


def number(figure):
    """Format a figure; None, where every request was refused, gives "-"."""
    if figure is None:
        return "-"
    return f"{figure:,.0f}" if figure == round(figure) or figure >= 100 else f"{figure:,.3g}"


def markdown(header, rows):
    """Return a Markdown table, with the first column aligned left and the others right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"
