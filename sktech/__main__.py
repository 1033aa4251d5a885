"""The command ``sktech``, also ``python -m sktech``."""

import argparse
import sys

_NEEDS = 'sktech compare needs {}: pip install "sktech[experiment]"'


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments without the name of the program. None means those of the process.

    Returns
    -------
    code : int
        The exit code: 0 if all went well, 2 for bad input.

    Examples
    --------
    >>> from sktech.__main__ import main
    >>> main(["compare", "sklearn:iris", "--models", "logistic_regression"])                     # doctest: +SKIP
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser("sktech", description="Deep-learning techniques with the manners of scikit-learn.")
    commands = parser.add_subparsers(dest="command", required=True)
    compare = commands.add_parser("compare", help="compare sktech's classifiers with the classical ones on a table")
    if argv[:1] != ["compare"]:
        parser.parse_args(argv)
    try:
        from sktech.experiment import cli  # an extra: its packages may be missing
    except ModuleNotFoundError as error:
        print(_NEEDS.format(error.name.partition(".")[0]), file=sys.stderr)
        return 2
    cli.add_arguments(compare)
    return cli.run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
