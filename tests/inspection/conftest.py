"""Figures are closed after each test, and what modules start from is the same in each run."""

import matplotlib.pyplot as plt
import pytest
import torch


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(autouse=True)
def seeded_modules():
    torch.manual_seed(0)
