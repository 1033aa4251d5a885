import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from sktech.experiment.labels import label_points


@pytest.mark.parametrize("seed", range(5))
def test_names_cover_neither_each_other_nor_the_points_nor_the_frame(seed):
    rng = np.random.default_rng(seed)
    x, y = np.clip(rng.normal(size=(2, 14)), -2, 2) * [[1], [0.5]]
    figure = Figure(figsize=(6, 4.5))
    ax = figure.subplots()
    ax.set(xlim=(-3, 3), ylim=(-1.5, 1.5))
    label_points(ax, x, y, [f"a_model_named_{i}" for i in range(14)], ["k"] * 14)
    figure.draw_without_rendering()
    texts = [Text.get_window_extent(text) for text in ax.texts]  # without the leader lines
    assert len(texts) == 14
    assert not any(a.overlaps(b) for a, b in itertools.combinations(texts, 2))
    points = ax.transData.transform(np.c_[x, y])
    assert not any(box.contains(*point) for box in texts for point in points)
    frame = ax.get_window_extent().padded(1)
    assert all(frame.contains(*corner) for box in texts for corner in (box.min, box.max))
