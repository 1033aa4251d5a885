"""Laws about what happens when something goes wrong around a fit, or many go on at once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where processes that tests start find small_fits, too

from small_fits import AROUND_NETS, CASES, NETS, table

CASES_BY_ARGUMENT = {"case": CASES, "with_nets": NETS | AROUND_NETS, "net_case": NETS}


def pytest_generate_tests(metafunc):
    for name, cases in CASES_BY_ARGUMENT.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, cases.values(), ids=cases.keys())


@pytest.fixture(scope="session")
def data():
    return table()
