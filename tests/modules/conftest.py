"""Modules in double precision, and committees held against single nets."""

import pytest
import torch

EXACT = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def float64():
    """New tensors and parameters are double, so that an identity is exact to 1e-12."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def gradients(output, seeds, inputs):
    return torch.autograd.grad((output * seeds).sum(), inputs, materialize_grads=True)


def scattered(module):
    """The module with all parameters drawn anew: none is zero, none is alike."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
    return module


@pytest.fixture
def assert_members_are_single_nets():
    """Member m of a committee does what a single net with slice m of its state does, forward and backward."""

    def check(committee, single, X):
        """X: (n, d) for shared rows, else (n_members, n, d)."""
        scattered(committee)
        n_members, shared = len(next(committee.parameters())), X.ndim == 2
        X = X.clone().requires_grad_()
        output = committee(X)
        seeds = torch.randn_like(output)
        names, parameters = zip(*committee.named_parameters(), strict=True)
        of_X, *of_parameters = gradients(output, seeds, [X, *parameters])
        assert output.shape[0] == n_members
        sum_of_X = 0
        for m in range(n_members):
            own = single.state_dict()
            state = {
                name: value[m] if value.ndim > own[name].ndim else value
                for name, value in committee.state_dict().items()
            }
            single.load_state_dict(state)
            rows = (X if shared else X[m]).detach().requires_grad_()
            alone = single(rows)
            torch.testing.assert_close(output[m], alone, **EXACT)
            of_rows, *expected = gradients(
                alone, seeds[m], [rows, *(dict(single.named_parameters())[n] for n in names)]
            )
            for name, all_members, one in zip(names, of_parameters, expected, strict=True):
                torch.testing.assert_close(all_members[m], one, **EXACT, msg=lambda text, name=name: f"{name}: {text}")
            if shared:
                sum_of_X = sum_of_X + of_rows
            else:
                torch.testing.assert_close(of_X[m], of_rows, **EXACT)
        if shared:
            torch.testing.assert_close(of_X, sum_of_X, **EXACT)

    return check
