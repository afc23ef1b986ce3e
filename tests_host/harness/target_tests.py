"""The plugin of pytest behind `--target`: it runs the files of tests_target on what that names, and reports by target.

With xdist each target has one worker. The process that you start finds the targets and keeps the places of labgrid; it
tells the workers what it has found.
"""

import contextlib

import pytest

from emulated_board import ROOT
from harness import runners, target_files
from harness.target_files import CPYTHON
from harness.target_report import LEAST_HEAP, NOT_FIT, NOT_RUN, STATE, TARGET, WORDS, Report
from harness.targets import Target, TargetError, resolve

PLUGIN = "physmem_targets"
HOST_TESTS = ROOT / "tests_host"


def run_test(runner, file, function):
    """Run the *function* of the TargetFile *file* on *runner*, as the test of pytest that runs now. Return what
    pytest.fail is to be given, or None if it has passed; and whether it was run."""
    try:
        passed, output = runner.run(file, function)
    except runners.RunnerDown as error:
        return str(error), not isinstance(error, runners.NotRun)
    if not passed:
        return output, True
    print(output, end="")
    return None, True


class TargetTest(pytest.Item):
    """A function of a test file on a target."""

    def __init__(self, *, target, file, function, **keywords):
        super().__init__(f"{function}[{target.text}]", **keywords)
        self.runner_name = target.name
        self.target, self._file, self._function = target, file, function
        self.add_marker(pytest.mark.xdist_group(target.text))
        self.user_properties.append((TARGET, target.text))

    def runtest(self):
        runner = self.config.pluginmanager.get_plugin(PLUGIN).runner(self.target)
        complaint, was_run = run_test(runner, self._file, self._function)
        self.user_properties.append((LEAST_HEAP, runner.least_heap))
        if not was_run:
            self.user_properties.append((STATE, NOT_RUN))
        if complaint is not None:
            pytest.fail(complaint, pytrace=False)

    def reportinfo(self):
        return self.path, None, self.name


class UnfitFile(TargetTest):
    """A test file that needs what its target has not got. It is skipped, so that the report has it."""

    def __init__(self, *, lacks, **keywords):
        super().__init__(function="file", **keywords)
        self._lacks = ", ".join(lacks)
        self.user_properties += [(STATE, NOT_FIT), (WORDS, self._lacks)]

    def runtest(self):
        pytest.skip(f"{self.target.text} lacks: {self._lacks}")


class TargetModule(pytest.Module):
    """A test file and the targets that it runs on. CPython imports it, if it is one of them."""

    @property
    def runs_on_cpython(self):
        targets = self.config.pluginmanager.get_plugin(PLUGIN).targets
        return any(target.name == CPYTHON for target in targets) and target_files.read(self.path).is_for(CPYTHON)

    def collect(self):
        if self.runs_on_cpython:
            yield from super().collect()
        file = target_files.read(self.path)
        for target in self.config.pluginmanager.get_plugin(PLUGIN).targets:
            lacks = target.lacking(file)
            if lacks:
                yield UnfitFile.from_parent(self, target=target, file=file, lacks=lacks)
            elif target.name != CPYTHON:
                for function in file.tests:
                    yield TargetTest.from_parent(self, target=target, file=file, function=function)


def choose_paths(config):
    """Have pytest collect tests_target if you have named no path. Raise UsageError if you have named one of tests_host.

    Without a path the settings of pytest name both folders.
    """
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(target_files.FOLDER)]
    for argument in config.args:
        path = (config.invocation_params.dir / argument.partition("::")[0]).resolve()
        if HOST_TESTS in (path, *path.parents):
            raise pytest.UsageError(
                f"--target runs files of tests_target, and {argument} is in tests_host: name files of tests_target, or "
                "omit --target"
            )


class TargetPlugin:
    """Knows the targets of a run of pytest, and has their runners."""

    def __init__(self, config):
        choose_paths(config)
        self._runners = {}
        self._stack = contextlib.ExitStack()
        if hasattr(config, "workerinput"):
            self.targets = [Target(**each) for each in config.workerinput[PLUGIN]]
            config.option.loadgroup = True  # as with --dist loadgroup: tests of a group go to one worker
            return
        with contextlib.ExitStack() as stack:
            try:
                self.targets = resolve(config.getoption("target"), stack)
            except TargetError as error:
                raise pytest.UsageError(str(error)) from error
            self._stack = stack.pop_all()
        config.pluginmanager.register(Report(self.targets))
        if getattr(config.option, "dist", "no") != "no":  # no two workers can use one serial port
            config.option.dist = "loadgroup"

    def runner(self, target):
        """Return the runner of *target*, which is started when it is first used."""
        if target.text not in self._runners:
            runner = self._runners[target.text] = target.runner()
            runner.says_heap = True
            self._stack.callback(runner.stop)  # before its place is released
        return self._runners[target.text]

    def pytest_unconfigure(self):
        self._stack.close()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node):
        node.workerinput[PLUGIN] = [target.as_dict() for target in self.targets]

    def pytest_ignore_collect(self, collection_path):
        """Leave out the other folders of the project, for somebody who names all of it."""
        return True if collection_path.parent == ROOT and collection_path != target_files.FOLDER else None

    def pytest_pycollect_makemodule(self, module_path, parent):
        return TargetModule.from_parent(parent, path=module_path)
