"""Which column of a table is what."""

from dataclasses import dataclass

from sktech.experiment.errors import InputError, shortened


@dataclass(frozen=True)
class Roles:
    """Names of columns that are not plain features.

    Parameters
    ----------
    target : str, default=None
        Holds the labels.
    categorical : tuple of str, default=()
        Hold categories although they look like numbers or dates.
    drop : tuple of str, default=()
        Are left out.
    groups : str, default=None
        Says which rows belong together.
    time : str, default=None
        Says which rows are later.
    ignore_leaks : tuple of str, default=()
        Stay although they seem to give the target away.
    """

    target: str | None = None
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    groups: str | None = None
    time: str | None = None
    ignore_leaks: tuple[str, ...] = ()

    def check(self, source, names):
        """Refuse a table without these columns, or with two roles for one of them.

        Parameters
        ----------
        source : str or path-like
            What to call the table in messages.
        names : iterable of str
            The columns that it has.

        Raises
        ------
        InputError
            If the target is not given, a column does not exist, has its name from two columns, or has two roles.
        """
        names = list(names)
        known = shortened(names)
        if self.target is None:
            raise InputError(f"which column is to be predicted? give it with --target; {source} has {known}")
        for name, options in self._options().items():
            if name not in names:
                raise InputError(f"{source}: no column {name!r}; there are {known}")
            if len(options) > 1 and options != ["--categorical", "--ignore-leaks"]:
                raise InputError(f"column {name!r} is given to {' and '.join(options)}; expected only one of them")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{source}: expected a name for each column, got two that are called {twice!r}")

    def _options(self):
        """The options of the command line that name each column."""
        options = {}
        for option, columns in (
            ("--target", [self.target]),
            ("--groups", [self.groups]),
            ("--time", [self.time]),
            ("--drop", self.drop),
            ("--categorical", self.categorical),
            ("--ignore-leaks", self.ignore_leaks),
        ):
            for name in dict.fromkeys(columns):
                if name is not None:
                    options.setdefault(name, []).append(option)
        return options
