"""Print the ids of the tests that run in each tier, in order, as JSON: for test_tiers.py."""

import json

import pytest


class PrintTiers:
    @staticmethod
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(items):
        from harness import selection, tiers

        tests = {tier: [selection.name_of(item) for item in selection.selected(items, tier)] for tier in tiers.TIERS}
        print("\n" + json.dumps(tests))
        items.clear()


if __name__ == "__main__":
    pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider"], plugins=[PrintTiers()])
