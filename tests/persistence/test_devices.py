"""A net from a device that is not here predicts on the CPU."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sktech import BaggingVoteEnsemble, NetClassifier, load, save

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 3
SMALL = {"n_members": 1, "hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}


def moved_to(device):
    """As if the file had been written where the nets were on a device."""

    def change(nodes):
        for node in nodes:
            if node[0] == "tensor":
                node[5] = device
            elif node[0] == "object" and type(node[3]) is dict and node[3].get("device") == "cpu":
                node[3]["device"] = device
        return nodes

    return change


@pytest.mark.skipif(torch.cuda.is_available(), reason="there are CUDA devices here")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "xpu", "mps:0"])
def test_nets_come_to_the_cpu_with_one_warning(tmp_path, archive, device):
    for model in (NetClassifier(**SMALL), BaggingVoteEnsemble(NetClassifier(**SMALL), 2, random_state=0)):
        save(model.fit(X, Y), tmp_path / "model")
        archive.change(tmp_path / "model", moved_to(device))
        with pytest.warns(UserWarning, match=f"saved on {device}") as warned:
            loaded = load(tmp_path / "model")
        assert len(warned) == 1
        assert warned[0].filename == __file__
        assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
        net = loaded if hasattr(loaded, "net_") else loaded.estimators_[0]
        assert net.net_.device == "cpu"
        assert net.device == device, "a parameter is what it was"
        if device.startswith("cuda"):
            with pytest.raises(ValueError, match="device: expected 'cpu', as torch sees no CUDA device"):
                net.fit(X, Y)
        net.set_params(device="cpu", warm_start=True).fit(X, Y)
        assert net.n_iter_ == 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="there are CUDA devices here")
def test_a_file_that_was_written_beside_a_gpu_predicts_what_it_did_there():
    """By torch 2.11 with CUDA 13 and Python 3.12: a distilled net, and its probabilities of fifty rows."""
    folder = Path(__file__).parent / "from_a_gpu"
    with pytest.warns(UserWarning, match="saved on cuda"):
        model = load(folder / "distilled.sktech")
    rows = np.random.default_rng(0).normal(size=(50, 5))
    np.testing.assert_allclose(model.predict_proba(rows), np.load(folder / "probabilities.npy"), rtol=0, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_nets_from_a_gpu_go_back_there_or_to_the_cpu(tmp_path, monkeypatch):
    model = NetClassifier(device="cuda", **SMALL).fit(X, Y)
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert next(loaded.net_.module_.parameters()).is_cuda
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    loaded.set_params(warm_start=True).fit(X, Y)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(UserWarning, match="saved on cuda"):
        loaded = load(tmp_path / "model")
    assert not next(loaded.net_.module_.parameters()).is_cuda
    assert np.allclose(loaded.predict_proba(X), model.predict_proba(X), atol=1e-5)
