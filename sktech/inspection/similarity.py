"""How similar the layers of two nets are: measures, the matrix of all pairs of layers, and its picture."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from tqdm import tqdm

from sktech._validation import check_choice
from sktech.inspection._activations import activations
from sktech.inspection._axes import check_axes, new_axes
from sktech.inspection._cca import canonical_correlations, cca, cca_matrix, pwcca, pwcca_matrix, svcca, svcca_matrix
from sktech.inspection._cka import cka, cka_matrix, hsic, minibatch_cka
from sktech.inspection._views import check_views

__all__ = [
    "LayerSimilarity",
    "SimilarityDisplay",
    "activations",
    "canonical_correlations",
    "cca",
    "cka",
    "hsic",
    "layer_similarity",
    "minibatch_cka",
    "pwcca",
    "svcca",
]
# What is faster for all pairs at once.
_MATRICES = {cka: cka_matrix, cca: cca_matrix, svcca: svcca_matrix, pwcca: pwcca_matrix}
_MEASURES = {measure.__name__: measure for measure in (*_MATRICES, hsic)}


@dataclass(eq=False)
class LayerSimilarity:
    """How similar each layer of one net is to each of another; ``numpy.asarray`` makes the matrix of it.

    Attributes
    ----------
    values : ndarray of shape (n_layers_a, n_layers_b)
        NaN where one of the layers is constant.
    layers_a, layers_b : list of str
        Names of the layers.
    measure : str
        Name of the measure.
    """

    values: np.ndarray
    layers_a: list
    layers_b: list
    measure: str

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype, copy=copy)


def layer_similarity(a, b, X=None, *, measure="cka", verbose=0, **options):
    """Compares each layer of one net with each layer of another, by what they say to the same rows.

    Parameters
    ----------
    a, b : estimator, torch.nn.Module, or mapping of str to array-like of shape (n, n_units)
        Two fitted nets, as for :func:`activations`, or what that gives: activations by the name of the layer. The
        latter for single members, or for nets that see rows in different forms. One and the same net shows how it
        changes from layer to layer.
    X : data frame or array-like of shape (n, n_features), default=None
        Rows that both predict, best such as neither has learned from. None where a and b are activations.
    measure : "cka", "cca", "svcca", "pwcca", "hsic" or callable, default="cka"
        :func:`cka`, :func:`cca`, :func:`svcca`, :func:`pwcca`, :func:`hsic`, or a function of two arrays (n, n_units)
        that gives a number.
    verbose : int, default=0
        1 shows a progress bar.
    **options
        Passed to the measure, such as ``kernel="rbf"``.

    Returns
    -------
    similarity : LayerSimilarity

    Raises
    ------
    ValueError, TypeError
        If a net or its activations are not as described, from :func:`activations`, or from the measure.

    Notes
    -----
    Canonical correlations take a few times as long as "cka", and "cka" with ``kernel="rbf"`` longer
    (``benchmarks/results/inspection.md``). Take more rows than units: with few, layers look alike, to canonical
    correlations even when they have nothing in common (see :func:`canonical_correlations`), and to "cka" unless
    ``unbiased=True``. The members of a committee are compared as one layer of many units.

    References
    ----------
    S. Kornblith, M. Norouzi, H. Lee and G. Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019,
    https://arxiv.org/abs/1905.00414

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import NetClassifier
    >>> from sktech.inspection import layer_similarity
    >>> X, y = load_iris(return_X_y=True)
    >>> a, b = (NetClassifier(n_members=1, random_state=seed).fit(X, y) for seed in (0, 1))
    >>> similarity = layer_similarity(a, b, X)
    >>> similarity.layers_a
    ['mlp.hidden.1', 'mlp.hidden.4', 'mlp.head']
    >>> similarity.values.shape
    (3, 3)
    """
    if not callable(measure):
        check_choice("measure", measure, list(_MEASURES))
        measure = _MEASURES[measure]
    known = inspect.signature(measure).parameters
    takes_all = any(parameter.kind == parameter.VAR_KEYWORD for parameter in known.values())
    name = getattr(measure, "__name__", type(measure).__name__)
    strange = [option for option in options if option not in known and not takes_all]
    if strange:
        raise TypeError(f"{strange[0]}: expected options of {name}, {', '.join([*known][2:])}, got another")
    layers_a = _read(a, X)
    layers_b = layers_a if b is a else _read(b, X)
    views = {f"layer {name!r} of a": layer for name, layer in layers_a.items()}
    views |= {f"layer {name!r} of b": layer for name, layer in layers_b.items()}
    views, n_a = check_views(views), len(layers_a)
    track = partial(tqdm, desc="layer similarity", disable=not verbose)
    matrix = _MATRICES.get(measure, partial(_one_by_one, measure))
    values = matrix(views[:n_a], views[n_a:], track=track, **options)
    return LayerSimilarity(values, list(layers_a), list(layers_b), name)


def _read(net, X):
    if isinstance(net, Mapping):
        if not net:
            raise ValueError("a, b: expected activations of at least one layer, got an empty mapping")
        return net
    if X is None:
        raise ValueError(f"X: expected rows that {type(net).__name__} predicts, got None")
    return activations(net, X)


def _one_by_one(measure, Xs, Ys, *, track, **options):
    values = np.empty((len(Xs), len(Ys)))
    for i, j in track(list(np.ndindex(values.shape))):
        values[i, j] = measure(Xs[i], Ys[j], **options)
    return values


class SimilarityDisplay:
    """Heat map of how similar the layers of two nets are.

    Parameters
    ----------
    similarity : LayerSimilarity
        As :func:`layer_similarity` gives it.

    Attributes
    ----------
    similarity : LayerSimilarity
    im_ : matplotlib.image.AxesImage
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import LayerSimilarity, SimilarityDisplay
    >>> similarity = LayerSimilarity(np.array([[0.9, 0.2]]), ["hidden"], ["hidden", "logits"], "cka")
    >>> SimilarityDisplay(similarity).similarity.layers_b
    ['hidden', 'logits']
    """

    def __init__(self, similarity):
        if not isinstance(similarity, LayerSimilarity):
            raise TypeError(f"similarity: expected a LayerSimilarity, got {type(similarity).__name__}")
        self.similarity = similarity

    @classmethod
    def from_estimators(cls, a, b, X=None, *, measure="cka", verbose=0, ax=None, include_values=True, **options):
        """Compares two nets and plots the matrix.

        Parameters
        ----------
        a, b, X, measure, verbose
            As for :func:`layer_similarity`.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        include_values : bool, default=True
            As for ``plot``.
        **options
            Passed to the measure.

        Returns
        -------
        display : SimilarityDisplay
        """
        check_axes(ax)
        similarity = layer_similarity(a, b, X, measure=measure, verbose=verbose, **options)
        return cls(similarity).plot(ax=ax, include_values=include_values)

    @classmethod
    def from_estimator(cls, estimator, X=None, **kwargs):
        """Compares the layers of one net with each other and plots the matrix.

        Parameters
        ----------
        estimator, X
            As for :func:`activations`.
        **kwargs
            As for ``from_estimators``.

        Returns
        -------
        display : SimilarityDisplay
        """
        return cls.from_estimators(estimator, estimator, X, **kwargs)

    def plot(self, ax=None, *, include_values=True):
        """Draws the heat map: rows are layers of a, columns layers of b, and a blank is NaN.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        include_values : bool, default=True
            Whether the numbers are written into it.

        Returns
        -------
        self : SimilarityDisplay
        """
        similarity = self.similarity
        values = similarity.values
        known = values[np.isfinite(values)]
        low, high = min([0, *known]), max([1, *known])
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        self.im_ = self.ax_.imshow(values, vmin=low, vmax=high)
        self.figure_.colorbar(self.im_, ax=self.ax_, label=similarity.measure)
        if include_values:
            for (i, j), value in np.ndenumerate(values):
                if np.isfinite(value):
                    color = "black" if value > (low + high) / 2 else "white"
                    self.ax_.text(j, i, f"{value:.2f}", ha="center", va="center", color=color)
        self.ax_.set(xlabel="layer of b", ylabel="layer of a")
        self.ax_.set_xticks(range(len(similarity.layers_b)), similarity.layers_b, rotation=45, ha="right")
        self.ax_.set_yticks(range(len(similarity.layers_a)), similarity.layers_a)
        return self
