"""Which of these should I use on my table?

    python -m sktech compare table.csv --target y

or, in Python, :func:`sktech.experiment.compare`. Needs the extra ``sktech[experiment]``.
"""

from sktech.experiment.baselines import baselines
from sktech.experiment.compare import compare
from sktech.experiment.comparison import Comparison
from sktech.experiment.errors import InputError
from sktech.experiment.store import FoldRecord

__all__ = ["Comparison", "FoldRecord", "InputError", "baselines", "compare"]
