from dataclasses import dataclass


@dataclass(frozen=True)
class Conditions:
    noise: float = 0.0
    tail: float = 1.0
    fraction: float = 1.0

    def apply(self, y, train, seed):
        return train, y[train]

    def describe(self):
        return ""
