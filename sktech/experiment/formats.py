"""A file -> a data frame, or one line that says what is wrong with it."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow
from pandas.api.types import is_numeric_dtype
from pyarrow import feather, parquet

from sktech.experiment.arff_file import read_arff
from sktech.experiment.cells import text_as_dates
from sktech.experiment.errors import InputError

# A cell of a feature that says one of these is missing; of a label or a group, only an empty cell is.
_MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A", "?"]
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True)
class TableFile:
    """A file that may hold a table.

    Parameters
    ----------
    path : pathlib.Path
    """

    ENDINGS = ".csv, .tsv or .arff (each also with .gz or .zst), .parquet or .feather"

    path: Path

    @property
    def compression(self):
        """How the text is packed: "gzip", "zstd" or None."""
        return _COMPRESSIONS.get(self.path.suffix.lower())

    @property
    def _unpacked(self):
        return self.path.with_suffix("") if self.compression else self.path

    @property
    def name(self):
        """The file's name without folder and endings."""
        return self._unpacked.stem

    @property
    def kind(self):
        """The ending that says how to read it, in lower case."""
        return self._unpacked.suffix.lower()

    @property
    def is_known(self):
        """Whether a file with this ending can be read."""
        return self.kind in (_TEXTS if self.compression else _READERS) and not self.path.is_dir()

    def open(self):
        """The unpacked text, without a byte order mark."""
        stream = pyarrow.input_stream(str(self.path), compression=self.compression)
        return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")

    def read(self, roles):
        """Read the table.

        Parameters
        ----------
        roles : Roles
            What the columns are; of a CSV file the target, the groups and the categories are read as text.

        Returns
        -------
        frame : DataFrame of shape (n, n_columns)

        Raises
        ------
        InputError
            If the file is not what its ending says.
        """
        try:
            return _READERS[self.kind](self, roles)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.path}: expected UTF-8 text, got the byte 0x{error.object[error.start]:02x} "
                f"({error.reason}); save the file as UTF-8"
            ) from error
        except pd.errors.EmptyDataError as error:
            raise InputError(f"{self.path}: expected a header and rows, but the file is empty") from error
        except (pd.errors.ParserError, pyarrow.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            if self.compression and isinstance(error, OSError) and error.errno is None:
                reason = f"expected a {self.compression} file, but it cannot be unpacked: {reason}"
            else:
                reason = f"cannot be read: {reason}"
            raise InputError(f"{self.path}: {reason}") from error


def _read_csv(file, roles):
    with file.open() as text:
        header = re.sub(r'"[^"]*"', "", text.readline())
    separator = "\t" if file.kind == ".tsv" else max(",;\t", key=header.count)
    options = {"sep": separator, "skipinitialspace": True}
    with file.open() as text:
        names = pd.read_csv(text, nrows=0, **options).columns
    roles.check(file.path, names)  # before all of it is read
    missing = {name: [""] if name in (roles.target, roles.groups) else _MISSING for name in names}
    texts = {name: str for name in names if name in (roles.target, roles.groups, *roles.categorical)}
    with file.open() as text:
        frame = pd.read_csv(text, dtype=texts, na_values=missing, keep_default_na=False, low_memory=False, **options)
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first cells for an index, and shifts the names
        raise pd.errors.ParserError(
            f"expected a name for each column, got {len(names)} names above rows of "
            f"{len(names) + frame.index.nlevels} cells"
        )
    for name in frame.columns.difference(list(texts)):
        if not is_numeric_dtype(frame[name].dtype):
            text = _with_decimal_points(frame[name]) if separator == ";" else frame[name]
            frame[name] = text_as_dates(text)
    return frame


def _with_decimal_points(column):
    """Where semicolons separate cells, commas often separate decimals."""
    if not column.dropna().astype(str).str.fullmatch(r"[-+]?\d+(,\d+)?").all():
        return column
    return pd.to_numeric(column.str.replace(",", "."))


def _read_arff(file, roles):
    with file.open() as text:
        return read_arff(text)


def _read_parquet(file, roles):
    # Folders such as year=2024 in the path are no columns of the file.
    return _as_frame(parquet.read_table(file.path, partitioning=None))


def _read_feather(file, roles):
    return _as_frame(feather.read_table(file.path))


def _as_frame(table):
    return table.to_pandas(date_as_object=False, split_blocks=True)  # columns one by one: no whole copy on the way


_TEXTS = {".csv": _read_csv, ".tsv": _read_csv, ".arff": _read_arff}
_READERS = _TEXTS | {".parquet": _read_parquet, ".feather": _read_feather}
