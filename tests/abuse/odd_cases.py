"""Whole cases: a table, labels, weights, and rows to predict."""

import numpy as np
from hypothesis import strategies as st
from odd_columns import BAD_COLUMNS, COLUMNS, CONTAINERS, GOOD_COLUMNS, INDICES, NAMES, SOUND, made
from odd_labels import BAD_LABELS, BAD_WEIGHTS, HOLDERS, LABELS, WEIGHTS, as_objects


class Case:
    """A table, labels, weights, rows to predict, and whether nothing is wrong with the first three."""

    def __init__(self, recipe, X, y, weight, X_new, sound, extras=None):
        self.recipe, self.X, self.y, self.weight, self.X_new, self.sound = recipe, X, y, weight, X_new, sound
        self.extras = {} if extras is None else extras

    def __repr__(self):  # how it was made; what it holds may be long
        return f"Case({', '.join(f'{name}={value!r}' for name, value in self.recipe.items())}, sound={self.sound})"


def mostly(good, bad):
    """One of the good names, or, in about one of twelve cases, one of the bad."""
    return st.integers(0, 11).flatmap(lambda i: st.sampled_from(sorted(bad)) if i == 11 else st.sampled_from(good))


@st.composite
def new_tables(draw, kinds, names, index, container):
    """Rows to predict: mostly like those of the training, and otherwise in each of many ways."""
    n, seed = draw(st.sampled_from([1, 2, 17])), draw(st.integers(0, 99))
    how = draw(st.sampled_from(["alike"] * 6 + ["no rows", "kinds", "order", "less", "more", "names", "holder"]))
    n = 0 if how == "no rows" else n
    if how == "kinds" and kinds:
        kinds = [*kinds]
        kinds[draw(st.integers(0, len(kinds) - 1))] = draw(st.sampled_from(sorted(COLUMNS)))
    kinds = [*kinds, "normal"] if how == "more" else kinds[1:] if how == "less" else kinds
    names = draw(st.sampled_from(sorted(NAMES))) if how == "names" else names
    container = draw(st.sampled_from(sorted(CONTAINERS))) if how == "holder" else container
    X = made(kinds, n, seed, names, index)
    return how, CONTAINERS[container](X.iloc[:, ::-1] if how == "order" else X)


@st.composite
def cases(draw):
    n = draw(st.sampled_from([1, 2, 3, 7, 20, 40, 80, 150, 300]))
    n_columns = draw(st.sampled_from([1, 2, 3, 5, 20]) | st.integers(0, 20))
    good = st.sampled_from(sorted(GOOD_COLUMNS))
    kinds = [draw(good if i else mostly(sorted(GOOD_COLUMNS), BAD_COLUMNS)) for i in range(n_columns)]
    names, index = draw(st.sampled_from(["plain", "plain", *sorted(NAMES)])), draw(st.sampled_from(sorted(INDICES)))
    container = draw(st.sampled_from(["pandas"] * 4) | mostly(SOUND, CONTAINERS))
    seed, n_distinct = draw(st.integers(0, 999)), draw(st.sampled_from([None, None, None, 1, 3]))
    label = draw(mostly(sorted(LABELS), BAD_LABELS))
    n_classes, balanced = draw(st.sampled_from([2, 3, 40, 1])), draw(st.booleans())
    holder = draw(st.sampled_from(["array"] * 4) | st.sampled_from(sorted(HOLDERS)))
    weighs = draw(st.sampled_from(["none"] * 4) | mostly(sorted(WEIGHTS), BAD_WEIGHTS))
    how, X_new = draw(new_tables(kinds, names, index, container))
    is_extra = draw(st.integers(0, 3)) == 0

    rng = np.random.default_rng(seed)
    frame = made(kinds, n, seed, names, index)
    if n_distinct is not None:
        frame = frame.iloc[rng.integers(min(n_distinct, n), size=n)]
    codes = rng.permutation(np.arange(n) % n_classes) if balanced else rng.integers(n_classes, size=n) ** 2 % 40
    y = [(LABELS | BAD_LABELS)[label](int(code)) for code in codes]
    try:
        y = HOLDERS[holder](y)
    except Exception:  # there is no such thing
        y = as_objects(y)
    weight, X = (WEIGHTS | BAD_WEIGHTS)[weighs], CONTAINERS[container](frame)
    return Case(
        {
            "kinds": kinds,
            "n": n,
            "n_distinct": n_distinct,
            "names": names,
            "index": index,
            "container": container,
            "seed": seed,
            "label": label,
            "n_classes": n_classes,
            "balanced": balanced,
            "holder": holder,
            "weighs": weighs,
            "new": (how, getattr(X_new, "shape", None)),
            "is_extra": is_extra,
        },
        X,
        y,
        weight if weight is None else weight(rng, n),
        X_new,
        sound=getattr(X, "ndim", 2) == 2
        and np.shape(X)[1:] > (0,)
        and not BAD_COLUMNS.keys() & set(kinds)
        and container in SOUND
        and not (container == "polars" and {"tuples", "bytes", "date categories"} & set(kinds))
        and label in LABELS
        and weighs in WEIGHTS
        and names not in ("mixed", "odd", "twice")
        and holder != "probabilities"
        and not is_extra,
        extras={"X_unlabeled": X_new, "is_clean": rng.integers(2, size=n) == 1} if is_extra else None,
    )
