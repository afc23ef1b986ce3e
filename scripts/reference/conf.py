"""What Sphinx is told; reference.make copies this beside the sources that it writes. No page loads from other hosts."""

project = "physmem"
author = "the authors of physmem"
extensions = ["myst_parser"]
myst_heading_anchors = 6
html_theme = "furo"
html_title = "physmem"
html_show_copyright = html_show_sphinx = html_copy_source = html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]
highlight_language = "none"  # an indented block may be a shell command, output or code
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(?:int|str|bool|float|object|tuple|list|dict|None|print|memoryview|ValueError|RuntimeError|Any|Self|Literal"
        r"|Iterator|Iterable|Callable|TracebackType|ModuleType|ReadableBuffer|BaseException|_\w+|typing\..*|collections\..*"
        # In signatures a class is named as its stub names it, without the module that has it.
        r"|Request|Scope|Transfer|Allocation|Place|Retained|Leak)",
    )
]
