import html
import re

import numpy as np

from sktech.experiment.axes import FAMILY_COLORS, INK
from sktech.experiment.figures import drawing

NAMES = ["$5-$10 & <more>", "0.123456", "a_b^c"]


def draw(ax):
    ax.plot(np.linspace(0, 1, 50), np.sin(np.arange(50)) / 3, color=INK)
    for height, name in enumerate(NAMES):
        ax.text(0.1, height / 10, name, color=FAMILY_COLORS["own"])


def test_words_stay_words_to_the_last_digit():
    made = drawing("a curve", draw, (4, 3))
    texts = [html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", made.svg)]
    assert set(NAMES) <= set(texts)


def test_colours_and_letters_are_those_of_the_page():
    svg = drawing("a curve", draw, (4, 3)).svg
    assert {"ink", "own"} <= set(re.findall(r"var\(--(\w+)\)", svg))
    assert INK not in svg
    assert "font-family" not in svg
    assert "font:" not in svg
    assert "<style" not in svg


def test_coordinates_are_as_exact_as_the_eye():
    svg = drawing("a curve", draw, (4, 3)).svg
    assert not re.search(r"<[^>]*\.\d{3}[^>]*>", svg)
    heights = [float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", svg)]
    assert len({round(y, 1) for y in heights}) > 20
