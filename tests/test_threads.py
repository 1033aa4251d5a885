"""Laws of the number of threads: one for a small net, the user's for a large one, and always restored."""

import threading

import pytest
import torch
from torch import nn

from sktech._threads import MANY_MULTIPLICATIONS, suitable_threads

SMALL = nn.Linear(10, 2)


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_a_small_net_gets_one_thread_and_the_users_number_comes_back():
    with suitable_threads(SMALL, 128):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_many_multiplications_keep_the_users_number():
    n_parameters = sum(parameter.numel() for parameter in SMALL.parameters())
    with suitable_threads(SMALL, MANY_MULTIPLICATIONS // n_parameters):
        assert torch.get_num_threads() == 1
    with suitable_threads(SMALL, MANY_MULTIPLICATIONS // n_parameters + 1):
        assert torch.get_num_threads() == 3


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_users_number_comes_back_after_an_error(error):
    with pytest.raises(error), suitable_threads(SMALL, 1):
        raise error
    assert torch.get_num_threads() == 3


def test_blocks_may_be_nested():
    with suitable_threads(SMALL, 1):
        with suitable_threads(SMALL, 1):
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_a_module_without_parameters_is_small():
    with suitable_threads(nn.ReLU(), 10**9):
        assert torch.get_num_threads() == 1


def run(target):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()


def test_a_block_does_not_slow_down_another_thread_at_work():
    numbers, inside, done = [], threading.Event(), threading.Event()

    def other():
        numbers.append(torch.get_num_threads())
        inside.wait()
        numbers.append(torch.get_num_threads())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    while not numbers:
        pass
    with suitable_threads(SMALL, 1):
        inside.set()
        done.wait()
    thread.join()
    assert numbers == [3, 3]
