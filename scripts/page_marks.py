"""Put what a program has found between two marks of a page of the documentation."""


def between(text, first, last, content):
    """Return *text* with *content* in place of what stands between the marks *first* and *last*. Raise ValueError if it
    lacks one."""
    before, is_begun, rest = text.partition(first)
    _, is_ended, after = rest.partition(last)
    if not (is_begun and is_ended):
        raise ValueError(
            f"the page lacks {first.strip()} or {last.strip()}: put both back, around what is written there"
        )
    return before + first + content + last + after


def write_between(page, first, last, content):
    """Do that in the file *page*."""
    page.write_text(between(page.read_text(encoding="utf-8"), first, last, content), encoding="utf-8")
