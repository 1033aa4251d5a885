"""Models that travel: files that hold an estimator and no code.

:func:`save` writes an estimator into one file, a zip archive of three members: what there is, as JSON; its numbers, in
the format of safetensors; and a header with the version of the format, those of the libraries, and the SHA-256 of the
two others. There is no pickle in it. :func:`load` checks all of it before it makes anything, and makes only objects of
a list of classes: scikit-learn's, those of torch's modules and optimisers and of skorch that a net is made of, and
sktech's. Classes and functions of yours travel by name; :func:`load` refuses them with their names, unless it is given
these as ``trusted``. Boosted trees of XGBoost, LightGBM and CatBoost are such others.

What is promised
----------------
A loaded estimator is what the saved one was: parameters, attributes, history, the state of the optimiser (so that
``partial_fit`` and ``warm_start`` go on as they would have), and which objects were one and the same. On the same
machine, with the same versions of the libraries and as many threads, it predicts the same to the last bit. Arrays that
are views are stored as what they show; those that shared memory do not any more. Gradients are not kept.

Another version of sktech reads the file if it knows the format; a newer format is refused with the version that wrote
it. What it makes of a fitted state is not promised across versions: names that have gone are an error, and a
scikit-learn that is not the one that fitted a step warns, as it does with pickles. Another torch, numpy, processor or
thread count may round differently. A net that was trained on a GPU loads without one, onto the CPU, with a warning.

A file whose bytes were changed is refused. Whoever writes a file decides about its numbers, though: that no code of
theirs runs does not make the answers right, and numbers made up for a step of scikit-learn's that reads them without
looking, such as a tree, may bring down the process that predicts with them.
"""

from sktech.persistence._error import ModelFileError
from sktech.persistence._models import load, save

__all__ = ["ModelFileError", "load", "save"]
