"""One HTML page that holds everything: no script, no font, no picture comes from anywhere else."""

import importlib.metadata
import os
import platform
from datetime import datetime
from pathlib import Path

import jinja2

from sktech.experiment.page_across import anchor
from sktech.experiment.page_models import model_parameters
from sktech.experiment.page_table import table_section
from sktech.experiment.phrases import counted

_TEMPLATES = Path(__file__).with_name("templates")
_PACKAGES = ("sktech", "scikit-learn", "torch", "skorch", "numpy", "pandas", "xgboost", "lightgbm", "catboost")
# Models whose reliability is drawn: on a page of one table, and per table of several, which would be too much to load.
_PANELS, _PANELS_OF_SEVERAL = 30, 4


def write_report(comparisons, path, title, reference=None, across=None):
    """Write the page.

    Parameters
    ----------
    comparisons : list of Comparison
        Of the same models.
    path : str or path-like
        The file to write. It is there in whole or, if something fails, as it was.
    title : str
        What was compared, such as the name of the table.
    reference : str or None, default=None
        The model that others are compared with. None is the best one.
    across : AcrossSection or None, default=None
        What several tables say together.

    Returns
    -------
    path : pathlib.Path
        The file.
    """
    n_panels = _PANELS if len(comparisons) == 1 else _PANELS_OF_SEVERAL
    page = (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            across=across,
            sections=[table_section(comparison, reference, n_panels) for comparison in comparisons],
            models=[model_parameters(model) for model in comparisons[0].models],
            n_finished=sum(len(comparison.records) for comparison in comparisons),
            n_planned=sum(comparison.n_planned for comparison in comparisons),
            versions=_versions(),
            when=f"{datetime.now():%Y-%m-%d %H:%M}",
        )
    )
    return _replace(Path(path), page)


def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"counted": counted, "anchor": anchor}
    return environment


def _replace(path, text):
    """Write a file in one step: nobody meets half of it, and a failure leaves the old one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _versions():
    installed = {dist: _version(dist) for dist in _PACKAGES}
    known = [f"{name} {version}" for name, version in installed.items() if version]
    return ", ".join([f"Python {platform.python_version()}", *known])


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
