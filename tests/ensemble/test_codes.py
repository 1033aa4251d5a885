"""Laws of error-correcting output codes: what they promise for wrong bits, and for right probabilities."""

from itertools import combinations

import numpy as np
import pytest

from sktech.ensemble._codes import check_code, decode, exhaustive_code, random_code, smallest_distance

SEEDS = range(4)
HAMMING = (np.array([[m >> 3 & 1, m >> 2 & 1, m >> 1 & 1, m & 1] for m in range(16)]) @ np.array(
    [[1, 0, 0, 0, 0, 1, 1], [0, 1, 0, 0, 1, 0, 1], [0, 0, 1, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1, 1]]
)) % 2  # fmt: skip


@pytest.fixture(params=SEEDS)
def rng(request):
    return np.random.default_rng(request.param)


def useful_columns(code):
    """How many different questions the columns ask; a column and its complement ask the same."""
    columns = {tuple(column ^ column[0]) for column in np.asarray(code).T}
    return len(columns - {(0,) * len(code)})


def distances(code):
    return [np.count_nonzero(a != b) for a, b in combinations(np.asarray(code), 2)]


def with_wrong_bits(rng, code, n_wrong, n):
    """Codewords of random classes with so many bits flipped, and their classes."""
    classes = rng.integers(len(code), size=n)
    bits = code[classes].astype(float)
    for row in bits:
        wrong = rng.choice(code.shape[1], n_wrong, replace=False)
        row[wrong] = 1 - row[wrong]
    return bits, classes


def misleading_code(n_wrong, n_others):
    """A code and the first class's bits with ``n_wrong`` errors that all other classes share with each other.

    The second class has all of these ones, and the others all but one, with their own ones elsewhere: coupling prefers
    a mixture of them to the first class, whose row is closest.
    """
    own = n_wrong + 2
    code = np.zeros((2 + n_others, 2 * n_wrong + 1 + n_others * own), dtype=np.int8)
    code[1, : 2 * n_wrong + 1] = 1
    for other in range(n_others):
        start = 2 * n_wrong + 1 + other * own
        code[2 + other, :n_wrong] = 1
        code[2 + other, other % n_wrong] = 0
        code[2 + other, start : start + own] = 1
    bits = np.zeros((1, code.shape[1]))
    bits[:, :n_wrong] = 1
    return code, bits


# --- codes


@pytest.mark.parametrize("n_classes", range(2, 12))
def test_exhaustive_code_asks_everything_once_and_its_rows_are_equally_far(n_classes):
    code = exhaustive_code(n_classes)
    assert code.shape == (n_classes, 2 ** (n_classes - 1) - 1)
    assert code.dtype == np.int8
    assert useful_columns(code) == code.shape[1]
    assert set(distances(code)) == {2 ** (n_classes - 2)}
    assert smallest_distance(code) == 2 ** (n_classes - 2)


def test_exhaustive_code_of_five_classes_is_that_of_the_paper():
    paper = ["1" * 15, "000000001111111", "000011110000111", "001100110011001", "010101010101010"]
    assert ["".join(map(str, row)) for row in exhaustive_code(5)] == paper


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 32, 33, 64, 65, 100, 130])
def test_random_code_tells_classes_apart_by_different_questions(n_classes, rng):
    fewest = int(np.ceil(np.log2(n_classes)))
    for n_bits in {fewest, fewest + 1, fewest + 3, 15, 40}:
        if n_bits < fewest:
            continue
        code = random_code(n_classes, n_bits, int(rng.integers(1000)))
        assert code.shape == (n_classes, n_bits)
        np.testing.assert_array_equal(check_code(code, n_classes), code)
        assert useful_columns(code) == min(n_bits, 2 ** (n_classes - 1) - 1)
        assert smallest_distance(code) == min(distances(code)) >= 1


@pytest.mark.parametrize(("n_classes", "n_bits"), [(2, 1), (2, 7), (3, 3), (3, 6), (3, 8), (4, 7), (4, 24), (5, 20)])
def test_more_bits_than_questions_ask_each_of_them_about_equally_often(n_classes, n_bits):
    code = random_code(n_classes, n_bits, 0)
    _, counts = np.unique(code ^ code[:1], axis=1, return_counts=True)
    whole, rest = divmod(n_bits, 2 ** (n_classes - 1) - 1)
    assert len(counts) == 2 ** (n_classes - 1) - 1
    assert sorted(counts) == sorted([whole] * (len(counts) - rest) + [whole + 1] * rest)


def test_random_code_is_farther_apart_than_chance(rng):
    by_chance = [min(distances(rng.integers(2, size=(10, 40)))) for _ in range(50)]
    for seed in SEEDS:
        assert smallest_distance(random_code(10, 40, seed)) > np.mean(by_chance) + 1


def test_random_code_of_a_seed_is_one_code_and_of_another_seed_another():
    np.testing.assert_array_equal(random_code(10, 31, 3), random_code(10, 31, 3))
    assert len({random_code(10, 31, seed).tobytes() for seed in range(20)}) == 20
    random_state = np.random.RandomState(0)
    assert np.any(random_code(10, 31, random_state) != random_code(10, 31, random_state))
    assert random_code(10, 31).shape == (10, 31)


def test_check_code_takes_signs_booleans_and_lists():
    code = exhaustive_code(4)
    for same in (code, code.astype(float), code.astype(bool), 2 * code - 1, code.tolist(), np.asfortranarray(code)):
        checked = check_code(same, 4)
        assert checked.dtype == np.int8
        np.testing.assert_array_equal(checked, code)


# --- wrong bits


@pytest.mark.parametrize("code", [*map(exhaustive_code, (2, 3, 4, 5)), HAMMING], ids=lambda code: str(code.shape))
def test_every_pattern_of_few_wrong_bits_is_corrected(code):
    n_classes, n_bits = code.shape
    correctable = (smallest_distance(code) - 1) // 2
    for n_wrong in range(correctable + 1):
        for wrong in combinations(range(n_bits), n_wrong):
            bits = code.astype(float)
            bits[:, wrong] = 1 - bits[:, wrong]
            np.testing.assert_array_equal(decode(bits, code).argmax(axis=1), np.arange(n_classes))


@pytest.mark.parametrize("n_classes", range(6, 11))
@pytest.mark.parametrize("n_bits", [6, 15, 40])
def test_random_codes_correct_wrong_bits(n_classes, n_bits, rng):
    code = random_code(n_classes, n_bits, int(rng.integers(1000)))
    for n_wrong in range((smallest_distance(code) - 1) // 2 + 1):
        bits, classes = with_wrong_bits(rng, code, n_wrong, 200)
        np.testing.assert_array_equal(decode(bits, code).argmax(axis=1), classes)


@pytest.mark.parametrize("n_wrong", [1, 2, 5, 20])
@pytest.mark.parametrize("n_others", [1, 2, 5, 20])
def test_codes_that_mislead_correct_wrong_bits_too(n_wrong, n_others, rng):
    code, bits = misleading_code(n_wrong, n_others)
    assert (smallest_distance(code) - 1) // 2 >= n_wrong
    order = rng.permutation(len(code))  # a tie would go to the first class
    proba = decode(bits, code[order])
    assert order[proba.argmax()] == 0
    assert proba.sum() == pytest.approx(1, abs=1e-12)


def test_a_class_within_half_the_smallest_distance_has_the_largest_probability(rng):
    for code in (HAMMING, random_code(8, 20, 0), misleading_code(5, 20)[0]):
        classes = rng.integers(len(code), size=500)
        radius = 0.499 * smallest_distance(code) * rng.random((500, 1))
        moved = rng.dirichlet(np.full(code.shape[1], 0.1), size=500) * radius
        bit_proba = np.abs(code[classes] - np.minimum(moved, 1))
        np.testing.assert_array_equal(decode(bit_proba, code).argmax(axis=1), classes)


# --- right probabilities


def test_two_classes_and_one_bit_are_the_bit():
    q = np.concatenate([np.linspace(0, 1, 101), [1e-300, 1e-17, 1e-9, 1 - 1e-9, 1 - 1e-16]])
    for code in ([[0], [1]], [[1], [0]]):
        proba = decode(q[:, None], np.array(code))
        expected = np.stack([1 - q, q], axis=1)
        np.testing.assert_allclose(proba, expected if code[0][0] == 0 else expected[:, ::-1], rtol=0, atol=2e-14)


@pytest.mark.parametrize("concentration", [0.1, 1, 10])
@pytest.mark.parametrize(
    "code",
    [*map(exhaustive_code, range(2, 9)), random_code(6, 15, 0), random_code(10, 40, 0), random_code(30, 60, 0)],
    ids=lambda code: str(code.shape),
)
def test_bits_that_agree_with_each_other_give_their_probabilities(code, concentration, rng):
    p = rng.dirichlet(np.full(len(code), concentration), size=300)
    p[:100, 0] = 0  # what is impossible stays impossible
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(decode(p @ code, code), p, rtol=0, atol=1e-9)


def test_bits_without_a_doubt_give_their_class():
    for code in (exhaustive_code(5), random_code(10, 40, 0)):
        np.testing.assert_allclose(decode(code, code), np.eye(len(code)), rtol=0, atol=1e-9)
    # The least squares of 16 classes with 7 bits are not unique; the one-hot p is what the steps tend to.
    assert decode(HAMMING, HAMMING).diagonal().min() > 0.9


@pytest.mark.parametrize("n_classes", [3, 5, 8])
def test_bits_that_say_nothing_give_the_uniform(n_classes):
    code = exhaustive_code(n_classes)
    prior = code.mean(axis=0, keepdims=True)
    np.testing.assert_allclose(decode(prior, code), 1 / n_classes, rtol=0, atol=1e-12)


def test_probabilities_explain_bits_better_than_the_uniform_and_the_truth(rng):
    code = random_code(8, 30, 0)

    def loss(q, p):
        pi = p @ code
        return -(q * np.log(pi) + (1 - q) * np.log(1 - pi)).sum(axis=1)

    p = rng.dirichlet(np.ones(8), size=300)
    q = np.clip(p @ code + rng.normal(scale=0.05, size=(300, 30)), 0.001, 0.999)
    proba = decode(q, code)
    assert np.all(loss(q, proba) <= loss(q, np.full((300, 8), 1 / 8)))
    assert np.mean(loss(q, proba) < loss(q, p)) > 0.9


def test_more_bits_average_their_errors(rng):
    p = rng.dirichlet(np.ones(6), size=500)

    def error(n_bits):
        code = random_code(6, n_bits, 0)
        q = np.clip(p @ code + rng.normal(scale=0.1, size=(500, n_bits)), 0, 1)
        return np.abs(decode(q, code) - p).mean()

    assert error(31) < error(10) < error(5)


# --- invariances


@pytest.fixture
def bits_and_code(rng):
    n_classes, n_bits = int(rng.integers(3, 10)), int(rng.integers(4, 40))
    bits = rng.random((200, n_bits))
    bits[:50] = bits[:50].round()
    bits[50:100] **= 8
    return bits, random_code(n_classes, n_bits, int(rng.integers(1000)))


def test_complements_of_columns_are_the_same_question(bits_and_code, rng):
    bits, code = bits_and_code
    turned = rng.random(bits.shape[1]) < 0.5
    proba = decode(np.where(turned, 1 - bits, bits), np.where(turned, 1 - code, code))
    np.testing.assert_allclose(proba, decode(bits, code), rtol=0, atol=1e-9)


def test_the_order_of_columns_does_not_matter(bits_and_code, rng):
    bits, code = bits_and_code
    order = rng.permutation(bits.shape[1])
    np.testing.assert_allclose(decode(bits[:, order], code[:, order]), decode(bits, code), rtol=0, atol=1e-9)


def test_classes_in_another_order_have_the_same_probabilities(bits_and_code, rng):
    bits, code = bits_and_code
    order = rng.permutation(len(code))
    np.testing.assert_allclose(decode(bits, code[order]), decode(bits, code)[:, order], rtol=0, atol=1e-9)


def test_all_columns_twice_say_the_same(bits_and_code):
    bits, code = bits_and_code
    np.testing.assert_allclose(decode(np.tile(bits, 2), np.tile(code, 2)), decode(bits, code), rtol=0, atol=1e-9)


def test_no_row_depends_on_another(bits_and_code, rng):
    bits, code = bits_and_code
    expected = decode(bits, code)
    some = rng.permutation(len(bits))[:37]
    np.testing.assert_allclose(decode(bits[some], code), expected[some], rtol=0, atol=1e-12)
    alone = np.concatenate([decode(bits[[row]], code) for row in range(len(bits))])
    np.testing.assert_allclose(alone, expected, rtol=0, atol=1e-12)
    many = decode(np.tile(bits, (400, 1)), code)  # more than are decoded at once
    np.testing.assert_allclose(many, np.tile(expected, (400, 1)), rtol=0, atol=1e-12)


def test_probabilities_are_probabilities(bits_and_code, rng):
    bits, code = bits_and_code
    before = bits.copy()
    for q in (bits, bits.astype(np.float32), bits.round(), bits.round().astype(int), bits.tolist(), bits[:0]):
        with np.errstate(all="raise", under="ignore"):
            proba = decode(q, code)
        assert proba.dtype == np.float64
        assert proba.shape == (len(q), len(code))
        assert np.all(proba >= 0)
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(bits, before)


# --- refusals


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: exhaustive_code(1), ValueError, "n_classes: expected an integer in .2, inf., got 1"),
        (lambda: exhaustive_code(12), ValueError, "n_classes: expected at most 11 for an exhaustive code, .* got 12"),
        (lambda: exhaustive_code(3.0), TypeError, "n_classes: expected an integer, got 3.0"),
        (lambda: random_code(1, 5), ValueError, "n_classes: expected an integer in .2, inf., got 1"),
        (lambda: random_code(5, 0), ValueError, "n_bits: expected an integer in .1, inf., got 0"),
        (lambda: random_code(5, "10"), TypeError, "n_bits: expected an integer, got '10'"),
        (lambda: random_code(5, 2), ValueError, "n_bits: expected at least 3 to tell 5 classes apart, got 2"),
        (lambda: random_code(129, 7), ValueError, "n_bits: expected at least 8 to tell 129 classes apart, got 7"),
    ],
)
def test_codes_that_cannot_be_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ([0, 1, 1], r"expected a row for each of 3 classes and a column for each bit, got shape \(3,\)"),
        ([[0, 1], [1, 0]], r"expected a row for each of 3 classes and a column for each bit, got shape \(2, 2\)"),
        (np.empty((3, 0)), r"expected a row for each of 3 classes and a column for each bit, got shape \(3, 0\)"),
        ([[0], [0, 1], [1]], "expected rows of equal length, got others"),
        ([[0, 1], [1, 0], [1, 2]], "expected only 0 and 1, or -1 and 1, got .*2"),
        ([[0, 1], [1, 0], [1, 0.5]], "expected only 0 and 1, or -1 and 1, got .*0.5"),
        ([[0, 1], [1, 0], [1, np.nan]], "expected only 0 and 1, or -1 and 1, got .*nan"),
        ([["a", "b"], ["b", "a"], ["b", "b"]], "expected only 0 and 1, or -1 and 1, got .*'a'"),
        ([[0, 1], [1, -1], [1, 1]], "got -1, 0 and 1: each bit is about all classes"),
        ([[0, 1, 0], [1, 1, 1], [0, 1, 1]], "expected columns with both values, got only 1 in 1"),
        ([[0, 1], [1, 0], [0, 1]], "expected a row of its own for each class, got the same for 0 and 2"),
    ],
)
def test_what_is_no_code_is_refused(code, message):
    with pytest.raises(ValueError, match=f"code: .*{message}"):
        check_code(code, 3)


@pytest.mark.parametrize(
    ("bit_proba", "message"),
    [
        ([0.1, 0.2, 0.3], r"expected a column for each of 3 bits, got shape \(3,\)"),
        ([[0.1, 0.2]], r"expected a column for each of 3 bits, got shape \(1, 2\)"),
        ([[0.1, 0.2, 1.1]], r"expected probabilities in \[0, 1\], got 1.1"),
        ([[0.1, -0.2, 0.3]], r"expected probabilities in \[0, 1\], got -0.2"),
        ([[0.1, np.nan, 0.3]], r"expected probabilities in \[0, 1\], got nan"),
    ],
)
def test_what_are_no_probabilities_of_bits_is_refused(bit_proba, message):
    with pytest.raises(ValueError, match=f"bit_proba: {message}"):
        decode(bit_proba, exhaustive_code(3))
