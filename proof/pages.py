"""Write what a program has found into a page of docs/, between two marks."""


def write_between(page, first, last, lines):
    """Replace what stands between the marks in the file `page`. Raise SystemExit if the page lacks them."""
    before, is_begun, rest = page.read_text().partition(first)
    _, is_ended, after = rest.partition(last)
    if not is_begun or not is_ended:
        raise SystemExit(f"proof: {page.name} lacks the lines {first.strip()} and {last.strip()}: put them there")
    page.write_text(before + first + "\n" + "\n".join(lines) + "\n\n" + last + after)
