"""Run the code of a module that is here twice: machine code where MicroPython can make it, bytecode elsewhere.

Source packages have the modules with viper code in two folders, and in their place a stub that calls `run`.
"""

try:
    exec("import micropython\n@micropython.viper\ndef f(): pass", {})
    FOLDER = "physmem_viper"
except SyntaxError:  # this MicroPython has no machine code emitter
    FOLDER = "physmem_bytecode"


def run(file, names):
    """Run the code of the stub `file` in its globals `names`."""
    place = file.rfind("/") + 1
    path = file[:place] + FOLDER + "/" + file[place:]
    try:
        run_file = execfile
    except NameError:
        with open(path) as code:
            exec(code.read(), names)
    else:
        run_file(path, names)
