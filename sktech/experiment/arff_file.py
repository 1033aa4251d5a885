"""An ARFF file, as Weka and OpenML write it -> a data frame."""

import csv
import re

import arff
import pandas as pd

from sktech.experiment.cells import as_dates

_DECLARATION = re.compile(r"\s*(@\w+)\s*")
_DATE = re.compile(r"""(@attribute\s+("[^"]*"|'[^']*'|\S+))\s+date\b.*""", flags=re.IGNORECASE | re.DOTALL)


def read_arff(lines):
    """Read a table whose header says what each column holds.

    Parameters
    ----------
    lines : iterable of str
        Dense or sparse rows; what a sparse row leaves out is 0, or the first of the declared values.

    Returns
    -------
    frame : DataFrame of shape (n, n_columns)
        Numbers, dates, and strings for nominal and string attributes; ``?`` is missing.

    Raises
    ------
    pandas.errors.ParserError
        If the lines are no ARFF.
    InputError
        If dates are not written as in ISO 8601.

    Examples
    --------
    >>> from sktech.experiment.arff_file import read_arff
    >>> read_arff(["@relation r", "@attribute size real", "@attribute kind {a, b}", "@data", "?, b"]).to_dict("list")
    {'size': [nan], 'kind': ['b']}
    """
    dates = []
    try:
        content = arff.ArffDecoder().decode(_understood(lines, dates))
    except arff.ArffException as error:
        raise pd.errors.ParserError(error.message.replace("%d", str(error.line), 1)) from error
    except UnicodeDecodeError:
        raise
    except (ValueError, csv.Error) as error:
        raise pd.errors.ParserError(f"expected an ARFF file: {error}") from error
    frame = pd.DataFrame(content["data"], columns=[name for name, _ in content["attributes"]])
    for name, kind in content["attributes"]:
        if name in dates:
            frame[name] = as_dates(frame[name])
        elif kind in ("NUMERIC", "REAL", "INTEGER"):
            frame[name] = pd.to_numeric(frame[name])
    return frame


def _understood(lines, dates):
    """The lines without what liac-arff does not know: tabs behind a keyword, and attributes that are dates."""
    header = True
    for line in lines:
        if header and (keyword := _DECLARATION.match(line)):
            line = f"{keyword[1]} {line[keyword.end() :]}"
            header = keyword[1].lower() != "@data"
            if date := _DATE.fullmatch(line):
                dates.append(date[2].strip("\"'"))
                line = f"{date[1]} string"
        yield line
