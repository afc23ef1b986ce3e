"""Every test of tests_target on every machine it is for; under CPython pytest collects tests_target itself."""

import pytest

from harness import machines, target_files


def pytest_generate_tests(metafunc):
    if "machine_name" not in metafunc.fixturenames:
        return
    cases = []
    for name in machines.all_machines():
        for file in target_files.test_files():
            for test in file.tests if file.is_for(name) else ():
                # The tests of a file share the state of a machine: one worker runs them, in order.
                group = f"{name}-{file.path.stem}"
                marks = pytest.mark.xdist_group(group)
                cases.append(pytest.param(name, file, test, id=f"{group}-{test}", marks=marks))
    metafunc.parametrize(("machine_name", "file", "test"), cases)


@pytest.fixture(scope="session")
def all_machines():
    """The machines by name; started when first used, stopped at the end."""
    by_name = machines.all_machines()
    yield by_name
    for machine in by_name.values():
        machine.stop()


def test_on_target(all_machines, machine_name, file, test):
    try:
        passed, output = all_machines[machine_name].run(file, test)
    except machines.MachineDown as error:
        passed, output = False, str(error)
    if not passed:
        pytest.fail(output, pytrace=False)
    print(output, end="")
