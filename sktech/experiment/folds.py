from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold


@dataclass(frozen=True, eq=False)
class Fold:
    repeat: int
    number: int
    train: np.ndarray
    test: np.ndarray


def draw_folds(y, *, n_folds, n_repeats=1, seed, groups=None, time=None):
    cv = RepeatedStratifiedKFold(n_splits=n_folds, n_repeats=n_repeats, random_state=seed)
    return [Fold(i // n_folds, i % n_folds, a, b) for i, (a, b) in enumerate(cv.split(np.zeros(len(y)), y))]


def inner_folds(y, *, groups=None, time=None, seed=0):
    return list(StratifiedKFold(3).split(np.zeros(len(y)), y))
