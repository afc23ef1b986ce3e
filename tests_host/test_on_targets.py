"""Run every test of tests_target on every runner it is for. Under CPython, pytest collects tests_target itself."""

import pytest

from harness import runners, target_files, target_tests


def pytest_generate_tests(metafunc):
    if "runner_name" not in metafunc.fixturenames:
        return
    cases = []
    for name in runners.all_runners():
        for file in target_files.test_files():
            for test in file.tests if file.is_for(name) else ():
                # The tests of a file share the state of a runner, so one worker runs them in order.
                group = f"{name}-{file.path.stem}"
                marks = pytest.mark.xdist_group(group)
                cases.append(pytest.param(name, file, test, id=f"{group}-{test}", marks=marks))
    metafunc.parametrize(("runner_name", "file", "test"), cases)


@pytest.fixture(scope="session")
def all_runners():
    """Yield the runners by name; they are started when first used and stopped at the end."""
    by_name = runners.all_runners()
    yield by_name
    for runner in by_name.values():
        runner.stop()


def test_on_target(all_runners, runner_name, file, test):
    complaint, _ = target_tests.run_test(all_runners[runner_name], file, test)
    if complaint is not None:
        pytest.fail(complaint, pytrace=False)
