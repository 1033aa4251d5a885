"""Laws of embedded categories."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import stats

from sktech.modules import CategoryEmbedding

N_LEVELS = [3, 20, 1]


@pytest.fixture
def codes():
    """Each code of each column at least once, (30, 3)."""
    return torch.stack([torch.arange(30) % (n + 1) for n in N_LEVELS], dim=1)


@pytest.fixture
def own_codes(codes):
    return torch.stack([codes, codes.flip(0)])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("rows", ["codes", "own_codes"])
def test_each_member_looks_up_its_own_vectors(rows, request):
    codes = request.getfixturevalue(rows)
    committee = CategoryEmbedding(N_LEVELS, size=4, n_members=2)
    output = committee(codes)
    seeds = torch.randn_like(output)
    (of_all,) = torch.autograd.grad((output * seeds).sum(), committee.weight)
    for m in range(2):
        single = CategoryEmbedding(N_LEVELS, size=4)
        single.load_state_dict({"weight": committee.weight[m]})
        alone = single(codes if codes.ndim == 2 else codes[m])
        assert torch.equal(output[m], alone)
        (of_one,) = torch.autograd.grad((alone * seeds[m]).sum(), single.weight)
        torch.testing.assert_close(of_all[m], of_one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_members", [None, 2])
def test_vectors_are_looked_up_one_by_one(n_members, codes):
    module = CategoryEmbedding(N_LEVELS, size=4, n_members=n_members)
    weight = module.weight.detach().reshape(-1, 3 + 20 + 1 + 3, 4).numpy()
    tables = np.split(weight, np.cumsum([n + 1 for n in N_LEVELS])[:-1], axis=1)
    output = module(codes).detach().reshape(-1, 30, 12).numpy()
    for m in range(n_members or 1):
        for i, row in enumerate(codes.tolist()):
            assert_array_equal(output[m, i], np.concatenate([tables[j][m, code] for j, code in enumerate(row)]))


@pytest.mark.parametrize("n_rows", [0, 1, 5])
@pytest.mark.parametrize("n_members", [None, 2])
def test_rows_go_in_and_vectors_come_out(n_rows, n_members):
    module = CategoryEmbedding(N_LEVELS, n_members=n_members)
    members = () if n_members is None else (2,)
    assert module(torch.zeros(n_rows, 3)).shape == (*members, n_rows, 24)
    assert module(torch.zeros(*members, n_rows, 3)).shape == (*members, n_rows, 24)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32, torch.uint8], ids=str)
def test_the_type_of_the_codes_does_not_matter(dtype, codes):
    module = CategoryEmbedding(N_LEVELS)
    assert torch.equal(module(codes.to(dtype)), module(codes))


def test_equal_codes_have_equal_vectors_and_others_others(codes):
    module = CategoryEmbedding(N_LEVELS)
    vectors = module(codes).view(30, 3, 8)
    for j, n in enumerate(N_LEVELS):
        same = (vectors[:, None, j] == vectors[None, :, j]).all(dim=-1)
        assert torch.equal(same, codes[:, None, j] == codes[None, :, j])
        assert len(vectors[:, j].unique(dim=0)) == n + 1


def test_columns_have_tables_of_their_own():
    module = CategoryEmbedding([4, 4])
    first, second = module(torch.arange(1, 5)[:, None].expand(4, 2)).split(8, dim=1)
    assert not (first == second).any()
    first.sum().backward()
    assert not module.weight.grad[5:].any(), "a column learns from another's codes"
    assert module.weight.grad[1:5].all()


@pytest.mark.parametrize("n_members", [None, 2])
def test_the_unknown_level_starts_at_zero_and_moves_only_where_it_occurs(n_members, codes):
    module = CategoryEmbedding(N_LEVELS, n_members=n_members)
    assert not module(torch.zeros(1, 3)).any()
    module(codes.clamp(min=1)).square().sum().backward()
    unknown = torch.tensor([0, 4, 25])
    assert not module.weight.grad[..., unknown, :].any()
    known = [row for row in range(27) if row not in unknown.tolist()]
    assert module.weight.grad[..., known, :].all()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, weight_decay=0.1)
    optimizer.step()
    assert not module(torch.zeros(1, 3)).any()
    module.zero_grad()
    module(codes).sum().backward()
    assert module.weight.grad[..., unknown, :].all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [2, 8])
def test_other_levels_are_drawn_with_unit_length_in_the_mean(size, seed):
    torch.manual_seed(seed)
    module = CategoryEmbedding([400, 300], size=size, n_members=2)
    known = torch.cat([module.weight[:, 1:401], module.weight[:, 402:]], dim=1).detach().flatten().double().numpy()
    assert stats.kstest(known * math.sqrt(size), "norm").pvalue > 1e-4


def test_only_the_vectors_are_kept():
    assert list(CategoryEmbedding(N_LEVELS).state_dict()) == ["weight"]
