"""Shorten the names that only the library itself uses, the same in all modules of a package.

Each name that is not in MicroPython itself costs its length and 7 bytes of heap, for good, even after the module that
brought it is dropped. The names of the contract stay: what `import physmem` offers, the attributes and arguments of
that, the modules, the memory plan. A name that has a leading underscore goes, and so does that of a function, class,
variable or argument which no other place of the library uses for something public.

The new names are those that MicroPython has already, such as "argv", as far as they go: they cost nothing. A traceback
from a package has the new names; names.txt, which is made with the packages, has both.
"""

import ast
import builtins
import gc
import keyword
import re
import string
import sys
from array import array

ALREADY_THERE = [
    "BytesIO",
    "EACCES",
    "EADDRINUSE",
    "EAGAIN",
    "EALREADY",
    "EBADF",
    "ECONNABORTED",
    "ECONNREFUSED",
    "ECONNRESET",
    "EEXIST",
    "EHOSTUNREACH",
    "EINPROGRESS",
    "EINVAL",
    "EIO",
    "EISDIR",
    "ENOBUFS",
    "ENODEV",
    "ENOENT",
    "ENOMEM",
    "ENOTCONN",
    "EOPNOTSUPP",
    "EPERM",
    "ETIMEDOUT",
    "IOBase",
    "StringIO",
    "TextIOWrapper",
    "ViperTypeError",
    "a2b_base64",
    "acos",
    "acosh",
    "and_",
    "appendleft",
    "argv",
    "asin",
    "asinh",
    "asr",
    "atan",
    "atan2",
    "atanh",
    "b2a_base64",
    "binascii",
    "bl",
    "blit",
    "bound_method",
    "buffering",
    "byteorder",
    "bytecode",
    "calcsize",
    "ceil",
    "chdir",
    "choice",
    "clz",
    "cmath",
    "cmp",
    "collections",
    "copysign",
    "cos",
    "cosh",
    "cpsid",
    "cpsie",
    "crc32",
    "degrees",
    "difference",
    "difference_update",
    "disable",
    "discard",
    "doc",
    "dumps",
    "ellipse",
    "erf",
    "erfc",
    "errno",
    "errorcode",
    "expm1",
    "extend",
    "fabs",
    "factorial",
    "fill_rect",
    "floor",
    "fmod",
    "framebuf",
    "fromkeys",
    "gamma",
    "getcwd",
    "getrandbits",
    "getvalue",
    "hashlib",
    "heapify",
    "heappop",
    "heappush",
    "heapq",
    "hexlify",
    "hline",
    "ilistdir",
    "imag",
    "implementation",
    "inf",
    "intersection",
    "intersection_update",
    "ioctl",
    "isalpha",
    "isclose",
    "isdigit",
    "isdisjoint",
    "isenabled",
    "isfinite",
    "isinf",
    "islower",
    "isnan",
    "isspace",
    "issubset",
    "issuperset",
    "isupper",
    "iterable",
    "iterator",
    "kbd_intr",
    "keepends",
    "lgamma",
    "libc_ver",
    "listdir",
    "ldexp",
    "loads",
    "log10",
    "log2",
    "mem16",
    "mem32",
    "mem8",
    "mem_info",
    "mkdir",
    "modf",
    "mov",
    "movt",
    "movw",
    "movwt",
    "mrs",
    "nan",
    "newline",
    "nop",
    "opt_level",
    "pack_into",
    "pend_throw",
    "pi",
    "pixel",
    "polar",
    "popitem",
    "popleft",
    "ps1",
    "ps2",
    "python_compiler",
    "qstr_info",
    "radians",
    "randint",
    "randrange",
    "readblocks",
    "readlines",
    "rect",
    "reset_cause",
    "rindex",
    "rmdir",
    "rpartition",
    "rsplit",
    "scroll",
    "sdiv",
    "seed",
    "sha256",
    "sinh",
    "soft_reset",
    "sqrt",
    "stack_use",
    "statvfs",
    "stderr",
    "strex",
    "symmetric_difference",
    "symmetric_difference_update",
    "tan",
    "tanh",
    "tau",
    "threshold",
    "trunc",
    "udiv",
    "umount",
    "unhexlify",
    "uniform",
    "unlink",
    "unpack_from",
    "usys",
    "vcmp",
    "vldr",
    "vline",
    "vmov",
    "vmrs",
    "vneg",
    "vsqrt",
    "vstr",
    "wfi",
    "writeblocks",
    "ARRAY",
    "AUTO",
    "BFINT16",
    "BFINT32",
    "BFINT8",
    "BFUINT16",
    "BFUINT32",
    "BFUINT8",
    "BF_LEN",
    "BF_POS",
    "BIG_ENDIAN",
    "DeflateIO",
    "FLOAT32",
    "FLOAT64",
    "FileIO",
    "FrameBuffer",
    "FrameBuffer1",
    "GS2_HMSB",
    "GS4_HMSB",
    "GS8",
    "GZIP",
    "INT",
    "INT16",
    "INT32",
    "INT64",
    "INT8",
    "LITTLE_ENDIAN",
    "LONG",
    "LONGLONG",
    "MONO_HLSB",
    "MONO_HMSB",
    "MONO_VLSB",
    "MVLSB",
    "NATIVE",
    "OrderedDict",
    "PTR",
    "RAW",
    "RGB565",
    "RingIO",
    "SHORT",
    "Signal",
    "UINT",
    "UINT16",
    "UINT32",
    "UINT64",
    "UINT8",
    "ULONG",
    "ULONGLONG",
    "USHORT",
    "VOID",
    "ZLIB",
    "abs_tol",
    "bx",
    "deflate",
    "delattr",
    "deleter",
    "dict_view",
    "fromhex",
    "getter",
    "globals",
    "invert",
    "ldrb",
    "ldrex",
    "ldrh",
    "lsl",
    "lsr",
    "poly",
    "rbit",
    "rel_tol",
    "separators",
    "setter",
    "strb",
    "strh",
    "upper",
]
"""Names that stock MicroPython has on every board, and that no module of the library uses."""

FACADE = "physmem"
USERS = ("physmem_claim", "physmem_chip", "physmem_debug")
"""Modules besides the facade and the vocabulary that users import: their names are of the contract."""
FIELDS = ("id", "attr", "name", "asname", "arg")
"""Where nodes of a syntax tree have names."""
KEPT = ("_", "_mpy", "_thread")
"""Names with a leading underscore that are Python's or MicroPython's."""


def _is_private(name):
    return name.startswith("_") and not name.endswith("__") and name not in KEPT


def _constants(tree):
    """Return the names of *tree* that are ``const(...)`` with a leading underscore: they take no heap."""
    return {
        name
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("const(")
        for name in _names_in(node.targets)
        if name.startswith("_")
    }


def _names_in(nodes):
    return [part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)]


def _arguments(function):
    arguments = function.args
    return [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _top_names(tree):
    """Generate the names that the code of a module defines at its top, imports left out."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        for target in getattr(node, "targets", ()):
            yield from _names_in([target])


def _aliases(tree):
    """Return the names that stand for modules of the library in *tree*."""
    aliases = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return {alias.asname or alias.name for alias in aliases if alias.name.startswith(FACADE)}


def _is_assembler(function):
    """Return whether the names in the function are those of registers, instructions and labels."""
    return any(ast.unparse(decorator).endswith("asm_thumb") for decorator in function.decorator_list)


def _is_of_contract(function, public):
    return function.name in public or function.name in ("__init__", "__call__", "__getattr__")


def staying(trees, vocabulary):
    """Return the names that must stay as they are: those of the contract, of Python, and of MicroPython."""
    names = set(dir(builtins)) | set(keyword.kwlist) | set(trees) | set(KEPT)
    public = {
        alias.asname or alias.name
        for node in trees[FACADE].body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } | set(_top_names(trees[FACADE]))
    for module in {*vocabulary, *USERS} & set(trees):
        public |= set(_top_names(trees[module]))
    names |= public
    internal = _internal_functions(trees) - public
    for tree in trees.values():
        aliases = _aliases(tree)
        methods = {child for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in node.body}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names |= {word for word in re.findall(r"\w+", node.value) if not _is_private(word)}
            elif isinstance(node, ast.keyword):
                names.add(node.arg or "")
            elif isinstance(node, ast.Attribute):
                of_module = isinstance(node.value, ast.Name) and node.value.id in aliases
                is_loaded = isinstance(node.ctx, ast.Load) and node.attr in internal
                if not of_module and not is_loaded:
                    names.add(node.attr)
            elif isinstance(node, (ast.Import, ast.ImportFrom)) and not _is_of_library(node):
                names |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.FunctionDef):
                if node in methods:
                    names.add(node.name)
                if _is_of_contract(node, public) or (node in methods and not _is_private(node.name)):
                    names |= set(_arguments(node))
                if _is_assembler(node):
                    names.update(_arguments(node), _names_in([node]))
            elif isinstance(node, ast.ClassDef):
                names |= set(_top_names(node))
    names = {name for name in names if not _is_private(name)}
    return names.union(KEPT, *map(_constants, trees.values()))


def _internal_functions(trees):
    """Return the functions at the top of modules that no class has, and no type of Python: whatever has an attribute of
    that name is a module of the library, such as what `load` returns, or stands for one."""
    functions = {node.name for tree in trees.values() for node in tree.body if isinstance(node, ast.FunctionDef)}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                functions -= {child.name for child in ast.walk(node) if isinstance(child, ast.FunctionDef)}
    return functions.difference(
        *map(dir, (str, bytes, bytearray, list, tuple, dict, set, int, array, sys, gc, memoryview))
    )


def _is_of_library(node):
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").startswith(FACADE)
    return all(alias.name.startswith(FACADE) for alias in node.names)


def candidates(trees, kept):
    """Return the names that get shorter ones, in the order of the modules in *trees*."""
    found = {}
    for tree in trees.values():
        names = list(_top_names(tree))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.Lambda)):
                names += _arguments(node)
            if isinstance(node, ast.FunctionDef):
                names.append(node.name)
            elif isinstance(node, ast.Attribute) and _is_private(node.attr):
                names.append(node.attr)
            elif isinstance(node, ast.alias):
                names += [name for name in (node.name, node.asname) if name]
        for name in names:
            if name not in kept and not name.startswith("__") and "." not in name:
                found[name] = None
    return list(found)


def _modules_with(name, spellings):
    return [module for module, spelled in spellings.items() if name in spelled]


def _spellings(tree):
    """Return every name in *tree*, whatever it stands for."""
    names = set()
    for node in ast.walk(tree):
        names |= {getattr(node, field) for field in FIELDS if isinstance(getattr(node, field, None), str)}
    return names


def shorter_names(trees, vocabulary, first):
    """Return {name: its new one} for the modules *trees*, {name: tree}, of which those of *first* come first.

    Names that only one module has may get the same new name as others that only another module has; so may names of
    attributes, if no object can have both.
    """
    kept = staying(trees, vocabulary)
    spellings = {module: _spellings(tree) for module, tree in trees.items()}
    used = kept.union(*spellings.values())
    made = [letter + figure for letter in string.ascii_lowercase for figure in string.digits + string.ascii_lowercase]
    plain = [name for name in (*ALREADY_THERE, *made) if name not in used]
    of_objects = [name for name in map("_{}".format, made) if name not in used]
    attributes = _attributes(trees)
    families = _families(trees, first)
    everywhere, within = ([], []), ({}, {})
    for name in candidates(trees, kept):
        modules = _modules_with(name, spellings)
        is_attribute = name in attributes
        if len(modules) > 1 or (is_attribute and modules[0] in first):
            everywhere[is_attribute].append(name)
        else:
            within[is_attribute].setdefault(families[modules[0]] if is_attribute else modules[0], []).append(name)
    names = {}
    for new, shared, local in zip((plain, of_objects), everywhere, within):
        names |= zip(shared, new)
        for spelled in local.values():
            names |= zip(spelled, new[len(shared) :])
    return names


def _families(trees, first):
    """Return {module: one of the modules whose classes may have a base in common with its own}: those that import each
    other, apart from the modules *first*, whose classes nobody makes subclasses of."""
    families = {module: module for module in trees}
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in trees and not {module, node.module} & set(first):
                joined = families[module], families[node.module]
                families = {name: joined[0] if family in joined else family for name, family in families.items()}
    return families


def _attributes(trees):
    """Return the private names of methods and attributes. They keep an underscore: dir() of an object shows them."""
    names = set()
    for tree in trees.values():
        aliases = _aliases(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id in aliases):
                names.add(node.attr)
            elif isinstance(node, ast.ClassDef):
                names |= {child.name for child in node.body if isinstance(child, ast.FunctionDef)}
                names |= set(_top_names(node))
    return names


class Renaming(ast.NodeTransformer):
    """Replace the names in a module."""

    def __init__(self, names):
        self.names = names

    def visit(self, node):
        for field in FIELDS:
            if isinstance(getattr(node, field, None), str):
                setattr(node, field, self.names.get(getattr(node, field), getattr(node, field)))
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            node.names = [self.names.get(name, name) for name in node.names]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_private(node.value):
            node.value = self.names.get(node.value, node.value)
        return self.generic_visit(node)
