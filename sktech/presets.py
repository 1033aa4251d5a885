"""Named parameter sets of NetClassifier: ``NetClassifier(**sktech.presets.FAST)``.

Each is a plain dict; change or add parameters as with any other: ``NetClassifier(**presets.STRONG | {"lr": 0.001})``.

Examples
--------
>>> from sktech import NetClassifier, presets
>>> NetClassifier(**presets.FAST).n_members
1
"""

# One net instead of a committee. Nobody averages its mistakes out, so it needs more dropout, and more rows to tell when
# to stop.
FAST = {"n_members": 1, "dropout": 0.25, "validation_fraction": 0.2}
# Four times the members of the default.
STRONG = {"n_members": 16}
