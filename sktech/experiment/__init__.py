"""Which of these should I use on my table?

    python -m sktech compare table.csv --target y

or, in Python, :func:`sktech.experiment.compare`. Needs the extra ``sktech[experiment]``.
"""

from sktech.experiment.baselines import baselines
from sktech.experiment.compare import compare, compare_tables
from sktech.experiment.comparison import Comparison
from sktech.experiment.data import read_table
from sktech.experiment.errors import InputError
from sktech.experiment.records import FoldRecord
from sktech.experiment.spaces import describe_spaces, search_space
from sktech.experiment.store import ResultStore
from sktech.experiment.study import Study
from sktech.experiment.table import Table

__all__ = [
    "Comparison",
    "FoldRecord",
    "InputError",
    "ResultStore",
    "Study",
    "Table",
    "baselines",
    "compare",
    "compare_tables",
    "describe_spaces",
    "read_table",
    "search_space",
]
