"""Laws of the streams: who trains side by side draws the numbers that it would draw alone."""

import threading
from functools import partial

import pytest
import torch
from torch import nn

from sktech._streams import draw, draw_bytes, get_global_state, get_state, replayed, run_in_streams, streams
from sktech.modules import Dropout, Jumpout, Members
from sktech.training import Forward

CPU = torch.device("cpu")
DRAWS = {"rand": partial(draw, torch.rand), "randn": partial(draw, torch.randn), "bytes": draw_bytes}


def generators(n=3, seed=0):
    return [torch.Generator().manual_seed(seed + i) for i in range(n)]


@pytest.fixture(autouse=True)
def nothing_stays_active():
    """After each test numbers come from torch's global generator again."""
    yield
    torch.manual_seed(7)
    expected = torch.rand(5)
    torch.manual_seed(7)
    assert torch.equal(draw(torch.rand, (5,), CPU), expected)
    assert get_state(CPU)[1] == []


# ------------------------------------------------------------ draw


@pytest.mark.parametrize("drawing", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("n_each", [1, 2, 3])
@pytest.mark.parametrize("rest", [(), (7,), (33, 5)], ids=str)
def test_each_part_is_what_its_generator_gives_alone(drawing, n_each, rest):
    for seed in range(5):
        with streams(generators(seed=seed)):
            together = [drawing((3 * n_each, *rest), CPU) for _ in range(4)]
        for i, own in enumerate(generators(seed=seed)):
            for drawn in together:
                with streams([own]):
                    alone = drawing((n_each, *rest), CPU)
                assert torch.equal(drawn[i * n_each : (i + 1) * n_each], alone)


@pytest.mark.parametrize("drawing", DRAWS.values(), ids=DRAWS)
def test_a_stream_is_the_global_generator_of_who_is_alone(drawing):
    """One net without a leading axis draws the same numbers as with an axis of one."""
    with streams(generators()):
        together = [drawing((3, 20, 4), CPU) for _ in range(3)]
    for i in range(3):
        torch.manual_seed(i)
        for drawn in together:
            assert torch.equal(drawn[i], drawing((20, 4), CPU))


def test_without_streams_numbers_come_from_the_global_generator():
    torch.manual_seed(3)
    drawn = draw(torch.rand, (4, 5), CPU)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(4, 5))


def test_streams_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    with streams(generators()):
        first = draw(torch.rand, (3, 4), CPU)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    with streams(generators()):
        assert torch.equal(draw(torch.rand, (3, 4), CPU), first)


def test_streams_may_stand_in_streams():
    outer, inner = generators(2), generators(4, seed=10)
    with streams(outer):
        one = draw(torch.rand, (2, 3), CPU)
        with streams(inner):
            other = draw(torch.rand, (4, 3), CPU)
        two = draw(torch.rand, (2, 3), CPU)
    for i, own in enumerate(generators(2)):
        assert torch.equal(torch.stack([one[i], two[i]]), torch.rand(2, 3, generator=own))
    for i, own in enumerate(generators(4, seed=10)):
        assert torch.equal(other[i], torch.rand(3, generator=own))


def test_streams_belong_to_a_thread():
    drawn = []

    def elsewhere():
        generator = torch.Generator().manual_seed(50)
        with streams([generator]):
            drawn.append(draw(torch.rand, (1, 3), CPU))
        drawn.append(get_state(CPU)[1])

    with streams(generators()):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        here = draw(torch.rand, (3, 3), CPU)
    assert torch.equal(drawn[0], torch.rand(1, 3, generator=torch.Generator().manual_seed(50)))
    assert drawn[1] == []
    assert torch.equal(here[0], torch.rand(3, generator=torch.Generator().manual_seed(0)))


def test_nothing_stays_active_after_an_exception():
    with pytest.raises(RuntimeError, match="on the way"), streams(generators()):
        raise RuntimeError("on the way")
    assert get_state(CPU)[1] == []
    with streams(generators()):
        with pytest.raises(RuntimeError, match="inside"), streams(generators(2)):
            raise RuntimeError("inside")
        assert len(get_state(CPU)[1]) == 3


# ------------------------------------------------------------ run_in_streams


def test_who_draws_from_the_global_generator_gets_a_stream_for_it():
    for n_each in (1, 2):
        own = generators()
        with streams(own):
            results = [
                run_in_streams(lambda members: torch.rand(members.stop - members.start, 4), 3 * n_each, CPU)
                for _ in range(3)
            ]
        for i in range(3):
            torch.manual_seed(i)
            for result in results:
                assert torch.equal(result[i], torch.rand(n_each, 4))
            assert torch.equal(own[i].get_state(), torch.get_rng_state()), "the stream has moved on as far"


def test_slices_are_all_members_in_their_order():
    for n_each in (1, 2, 5):
        with streams(generators()):
            slices = run_in_streams(lambda members: torch.rand(1) and members, 3 * n_each, CPU)
        assert slices == [slice(i * n_each, (i + 1) * n_each) for i in range(3)]


@pytest.mark.parametrize("at_once", [True, False])
def test_the_global_generator_and_the_streams_are_apart(at_once):
    before = torch.get_rng_state()
    with streams(generators()):
        run_in_streams(lambda members: torch.rand(4), 3, CPU, at_once=at_once)
    assert torch.equal(torch.get_rng_state(), before)


def test_who_draws_nothing_is_called_once_for_all():
    asked, own = [], generators()
    with streams(own):
        assert run_in_streams(lambda members: asked.append(members) or "done", 6, CPU) == ["done"]
    assert asked == [slice(0, 6)]
    for generator, fresh in zip(own, generators(), strict=True):
        assert torch.equal(generator.get_state(), fresh.get_state())


def test_without_streams_all_are_called_together_and_the_global_generator_moves_on():
    torch.manual_seed(5)
    (result,) = run_in_streams(lambda members: torch.rand(members.stop, 2), 4, CPU)
    torch.manual_seed(5)
    assert torch.equal(result, torch.rand(4, 2))
    assert torch.equal(torch.rand(1), torch.rand(1, generator=_after(5, (4, 2))))


def _after(seed, shape):
    generator = torch.Generator().manual_seed(seed)
    torch.rand(shape, generator=generator)
    return generator


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_failure_leaves_the_global_generator_as_it_was(at_once, fails_at):
    def draws_and_fails(members):
        torch.rand(3)
        if members.stop > fails_at:
            raise RuntimeError("on the way")

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="on the way"), streams(generators()):
        run_in_streams(draws_and_fails, 3, CPU, at_once=at_once)
    assert torch.equal(torch.get_rng_state(), before)


# ------------------------------------------------------------ replay


def test_a_replay_gives_the_same_numbers_and_then_goes_on():
    own = generators()
    with streams(own):
        draw(torch.rand, (3, 2), CPU)
        state = get_state(CPU)
        first, free = draw(torch.rand, (3, 4), CPU), torch.rand(2)
        for _ in range(2):
            with replayed(state, CPU):
                assert torch.equal(draw(torch.rand, (3, 4), CPU), first)
                assert torch.equal(torch.rand(2), free)
        after = draw(torch.rand, (3, 4), CPU)
    for i, generator in enumerate(generators()):
        expected = torch.rand(10, generator=generator)
        assert torch.equal(torch.cat([first[i], after[i]]), expected[2:])


def _draw_and_fail():
    draw(torch.rand, (3, 9), CPU)
    raise RuntimeError("on the way")


def test_a_replay_that_fails_goes_on_too():
    with streams(generators()):
        state = get_state(CPU)
        draw(torch.rand, (3, 4), CPU)
        now = get_state(CPU)
        with pytest.raises(RuntimeError, match="on the way"), replayed(state, CPU):
            _draw_and_fail()
        for before, after in zip(now[1], get_state(CPU)[1], strict=True):
            assert torch.equal(before, after)
        assert torch.equal(now[0], get_global_state(CPU))


class OfTorch(nn.Module):
    """Draws from torch's global generator, as modules of one's own do."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))

    def forward(self, X):
        return self.layers(X)


class Noisy(nn.Module):
    """A stack of three with the dropout of this package."""

    def __init__(self, noise):
        super().__init__()
        self.weight, self.noise = nn.Parameter(torch.ones(3, 4, 64)), noise

    def forward(self, X):
        return self.noise((X @ self.weight).relu())


MODULES = {
    "dropout": lambda: Noisy(Dropout(0.5)),
    "jumpout": lambda: Noisy(Jumpout(0.3)),
    "torch's dropout": lambda: Members(OfTorch, 3),
}


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
@pytest.mark.parametrize("inside", [True, False])
def test_another_pass_replays_the_dropout_of_the_counted_one(make, inside):
    for seed in range(3):
        torch.manual_seed(seed)
        module, X = make().train(), torch.rand(3, 20, 4)
        own = generators(seed=seed) if inside else None
        if inside:
            with streams(own):
                _check_replay(module, X)
        else:
            _check_replay(module, X)


def _check_replay(module, X):
    forward = Forward(module, X)
    other = forward.at({})  # it makes the counted pass itself
    counted = forward(X)
    for _ in range(2):
        assert torch.equal(other(X.clone()), counted)
        assert torch.equal(forward(X.clone()), counted)
    assert not torch.equal(Forward(module, X)(X), counted), "the next step has other masks"


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_replays_do_not_move_the_streams(make):
    torch.manual_seed(0)
    module, X = make().train(), torch.rand(3, 20, 4)
    outputs = []
    for n_replays in (0, 3):
        own = generators()
        with streams(own):
            steps = []
            for _ in range(3):
                forward = Forward(module, X)
                steps.append(forward(X))
                for _ in range(n_replays):
                    forward.at({})(X.clone())
        outputs.append(torch.stack(steps))
    assert torch.equal(*outputs)


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_members_have_masks_of_their_own_streams(make):
    """Two members with the same stream and the same weights do the same, and a third does not."""
    torch.manual_seed(0)
    module = make().train()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(parameter[:1].expand_as(parameter))
    X = torch.rand(20, 4).expand(3, 20, 4)
    own = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    with streams(own):
        for _ in range(3):
            output = module(X)
            assert torch.equal(output[0], output[1])
            assert not torch.equal(output[0], output[2])
