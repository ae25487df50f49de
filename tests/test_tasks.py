"""Every task against its definition, written down a second time, and its baseline by simulation."""

import re
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib import tasks
from rnnlib.reference.losses import cross_entropy

SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=20)

N3 = "(?:T*VPX)*T*V(?:V|PS)"  # from the third state of Reber's grammar to its end
REBER = f"B(?:TS*X(?:S|X{N3})|P{N3})E"
EMBEDDED = f"B(?:T{REBER}T|P{REBER}P)E"


def rng(seed=0):
    return np.random.default_rng(seed)


def spell(alphabet, ids):
    return "".join(alphabet[i] for i in ids)


def strings(alphabet, batch):
    """The strings of a padded batch, whole: each input and then the last target."""
    for x, y, m in zip(batch.inputs.T, batch.targets.T, batch.mask.T, strict=True):
        n = m.sum()
        assert m[:n].all() and not x[n:].any() and not y[n:].any()
        assert (x[1:n] == y[: n - 1]).all()
        yield spell(alphabet, [*x[:n], y[n - 1]])


def bigram_loss(batch, V):
    """Cross-entropy of the frequencies of pairs, counted in the batch itself."""
    pairs = np.zeros((V, V))
    np.add.at(pairs, (batch.inputs[batch.mask], batch.targets[batch.mask]), 1)
    p = pairs / np.maximum(pairs.sum(1, keepdims=True), 1)
    logits = np.log(np.maximum(p, 1e-300))[batch.inputs]
    return cross_entropy(logits, batch.targets, batch.mask)[0]


@for_any_size
@given(st.integers(2, 30), st.integers(1, 5), SEEDS)
def test_adding_sums_the_marked(T, B, seed):
    batch = tasks.adding(rng(seed), T, B)
    assert batch.inputs.shape == (T, B, 2) and batch.targets.shape == (T, B, 1)
    for k in range(B):
        first, second = np.flatnonzero(batch.inputs[:, k, 1])
        assert first < T // 2 <= second
        assert set(batch.inputs[:, k, 1]) <= {0, 1}
        total = batch.inputs[first, k, 0] + batch.inputs[second, k, 0]
        assert batch.targets[-1, k, 0] == total
    assert batch.mask[-1].all() and not batch.mask[:-1].any()


def test_adding_costs_a_sixth_without_looking():
    targets = tasks.adding(rng(), 5, 200_000).targets[-1]
    assert abs(((targets - 1) ** 2).mean() - tasks.adding_baseline()) < 0.002
    guesses = np.linspace(0.8, 1.2, 41)  # and no other constant is better
    best = guesses[np.argmin([((targets - g) ** 2).mean() for g in guesses])]
    assert abs(best - 1) < 0.011


@for_any_size
@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5), st.integers(1, 8), SEEDS)
def test_copying_repeats_after_the_sign(delay, B, S, K, seed):
    batch = tasks.copying(rng(seed), delay, B, S, K)
    alphabet = "abcdefgh"[:K] + "-!"
    for x, y in zip(batch.inputs.T, batch.targets.T, strict=True):
        read, said = spell(alphabet, x), spell(alphabet, y)
        match = re.fullmatch(f"([a-h]{{{S}}})(-{{{delay - 1}}})!(-{{{S}}})", read)
        assert match and said == "-" * (delay + S) + match[1]
    assert batch.mask.all() and len(batch.inputs) == delay + 2 * S


@pytest.mark.parametrize(("delay", "S", "K"), [(20, 10, 8), (3, 2, 5)])
def test_copying_costs_the_forgotten_symbols(delay, S, K):
    batch = tasks.copying(rng(), delay, 50, S, K)
    went = (batch.inputs == K + 1).cumsum(0) - (batch.inputs == K + 1) > 0  # all it remembers
    logits = np.where(went[..., None], [0.0] * K + [-1e9], [-1e9] * K + [0.0])
    loss, _ = cross_entropy(logits, batch.targets, batch.mask)
    np.testing.assert_allclose(loss, tasks.copying_baseline(delay, S, K), rtol=1e-12)


@for_any_size
@given(st.integers(10, 120), st.sampled_from([2, 3]), SEEDS)
def test_temporal_order_is_the_order_of_x_and_y(T, n, seed):
    batch = tasks.temporal_order(rng(seed), T, 4, n)
    windows = {2: [(0.1, 0.2), (0.5, 0.6)], 3: [(0.1, 0.2), (0.33, 0.43), (0.66, 0.76)]}[n]
    classes = ["".join(p) for p in product("XY", repeat=n)]
    for x, y in zip(batch.inputs.T, batch.targets[-1], strict=True):
        read = spell("abcdXYEB", x)
        found = [m.start() for m in re.finditer("[XY]", read)]
        assert re.fullmatch(r"E[a-dXY]*B", read)
        assert len(found) == n and classes[y] == "".join(read[i] for i in found)
        for i, (low, high) in zip(found, windows, strict=True):
            assert low * T - 1 < i <= high * T + 1e-9
    assert batch.mask[-1].all() and not batch.mask[:-1].any()


@pytest.mark.parametrize("n", [2, 3])
def test_temporal_order_costs_a_bit_for_each_symbol(n):
    batch = tasks.temporal_order(rng(), 10, 20_000, n)
    frequencies = np.bincount(batch.targets[-1], minlength=2**n) / 20_000
    np.testing.assert_allclose(frequencies, 0.5**n, atol=0.012)
    loss, _ = cross_entropy(np.zeros((10, 20_000, 2**n)), batch.targets, batch.mask)
    np.testing.assert_allclose(loss, tasks.order_baseline(n), rtol=1e-12)


@for_any_size
@given(st.integers(1, 20), st.integers(1, 5), SEEDS)
def test_parity_counts_the_ones(T, B, seed):
    batch = tasks.parity(rng(seed), T, B)
    for x, y in zip(batch.inputs.T.tolist(), batch.targets.T.tolist(), strict=True):
        assert set(x) <= {0, 1} and batch.mask.all()
        assert y == [x[: t + 1].count(1) % 2 for t in range(T)]


def test_parity_costs_a_bit_also_if_the_last_two_bits_are_known():
    batch = tasks.parity(rng(), 20, 5000)
    loss, _ = cross_entropy(np.zeros((20, 5000, 2)), batch.targets)
    np.testing.assert_allclose(loss, tasks.parity_baseline(), rtol=1e-12)
    seen = batch.inputs[2:] + 2 * batch.inputs[1:-1]
    for pair in range(4):
        assert abs(batch.targets[2:][seen == pair].mean() - 0.5) < 0.02


@for_any_size
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 5), SEEDS)
def test_anbn_has_as_many_a_as_b(B, least, more, seed):
    batch = tasks.anbn(rng(seed), B, least, least + more)
    for string in strings("(ab)", batch):
        match = re.fullmatch(r"\((a+)(b+)\)", string)
        assert match and least <= len(match[1]) == len(match[2]) <= least + more


@pytest.mark.parametrize(("least", "most"), [(1, 10), (3, 5), (1, 1)])
def test_anbn_costs_the_two_turns_without_counting(least, most):
    batch = tasks.anbn(rng(), 20_000, least, most)
    np.testing.assert_allclose(bigram_loss(batch, 4), tasks.anbn_baseline(least, most), atol=2e-3)
    n = batch.mask.sum(0) // 2
    assert set(n) == set(range(least, most + 1))


def inner(most):
    """All strings that begin with B and end with E, up to a length between."""
    for n in range(most + 1):
        for letters in product("TSXPV", repeat=n):
            yield f"B{''.join(letters)}E"


def test_the_grammar_of_reber_is_his():
    legal = [s for s in inner(6) if re.fullmatch(REBER, s)]
    assert [s for s in inner(6) if tasks.is_legal(tasks.REBER, s)] == legal
    assert legal[:3] == ["BTXSE", "BPVVE", "BTSXSE"]
    assert not tasks.is_legal(tasks.REBER, "") and not tasks.is_legal(tasks.REBER, "BTXSEB")
    assert not tasks.is_legal(tasks.REBER, "QTXSE")
    for prefix in {s[:n] for s in legal for n in range(5)}:  # short enough to be ended within 6
        assert set(tasks.next_symbols(tasks.REBER, prefix)) == {
            s[len(prefix)] for s in legal if s.startswith(prefix) and len(s) > len(prefix)
        }


def test_the_embedded_grammar_asks_for_the_second_symbol_again():
    legal = [s for s in inner(4) if re.fullmatch(REBER, s)]
    assert legal
    for s, first, last in product(legal, "TPBE", "TPBE"):
        outer = f"B{first}{s}{last}E"
        assert tasks.is_legal(tasks.EMBEDDED, outer) == bool(re.fullmatch(EMBEDDED, outer))
        assert tasks.is_legal(tasks.EMBEDDED, outer) == (first == last and first in "TP")
    for s, first in product(legal, "TP"):
        assert tasks.next_symbols(tasks.EMBEDDED, f"B{first}{s}") == first
        assert tasks.next_symbols(tasks.CONTINUAL, f"B{first}{s}{first}E") == "B"


@pytest.mark.parametrize(("grammar", "pattern"), [(tasks.REBER, REBER), (tasks.EMBEDDED, EMBEDDED)])
def test_strings_are_legal_and_each_branch_is_equally_likely(grammar, pattern):
    found = list(strings(tasks.ALPHABET, tasks.reber(rng(), 4000, grammar)))
    assert all(re.fullmatch(pattern, s) for s in found)
    count = Counter(s if pattern == REBER else s[2:-2] for s in found)
    for s, p in [("BTXSE", 1 / 8), ("BPVVE", 1 / 8), ("BPTVVE", 1 / 16), ("BTSXXVPSE", 1 / 128)]:
        assert abs(count[s] / 4000 - p) < 4 * np.sqrt(p / 4000), s


def test_a_stream_is_strings_one_after_the_other():
    batch = tasks.continual(rng(), 300, 20)
    assert batch.mask.all() and (batch.inputs[1:] == batch.targets[:-1]).all()
    for x, y in zip(batch.inputs.T, batch.targets.T, strict=True):
        stream = spell(tasks.ALPHABET, [*x, y[-1]])
        assert len(stream) == 301
        whole = re.match(f"(?:{EMBEDDED})*", stream)[0]
        assert len(whole) > 200
        assert tasks.next_symbols(tasks.EMBEDDED, stream[len(whole) :])


def test_the_last_symbol_of_a_grammar_says_as_much_as_its_pairs():
    for grammar in (tasks.REBER, tasks.EMBEDDED):
        got = bigram_loss(tasks.reber(rng(1), 6000, grammar), 7)
        np.testing.assert_allclose(got, tasks.bigram_baseline(grammar), rtol=0.01)
    got = bigram_loss(tasks.continual(rng(2), 2000, 40), 7)
    np.testing.assert_allclose(got, tasks.bigram_baseline(tasks.CONTINUAL), rtol=0.01)
    coin = ({"T": 0, "P": 0},)  # a stream of coins
    np.testing.assert_allclose(tasks.bigram_baseline(coin), np.log(2), rtol=1e-12)
    loop = ({"B": 1}, {"T": 1, "P": 2, "X": 2}, {"E": 3}, {})  # half a T on average; the E is sure
    np.testing.assert_allclose(tasks.bigram_baseline(loop), 1.5 * np.log(3) / 2.5, rtol=1e-12)


def by_steps(past, tau, delays):
    """The series by another way: one delay at a time, by an adaptive method of order 8."""
    solve_ivp = pytest.importorskip("scipy.integrate").solve_ivp
    late, x, pieces = (lambda t: past), past, []
    for k in range(delays):
        solution = solve_ivp(
            lambda t, x, late=late: 0.2 * late(t - tau) / (1 + late(t - tau) ** 10) - 0.1 * x,
            *((k * tau, (k + 1) * tau), [x]),
            method="DOP853",
            rtol=1e-11,
            atol=1e-13,
            dense_output=True,
        )
        late, x = (lambda t, s=solution.sol: s(t)[0]), solution.y[0, -1]
        pieces.append(late)
    return lambda t: pieces[min(int(t // tau), delays - 1)](t)


def test_the_integrator_agrees_with_another_and_is_of_order_four():
    want = by_steps(0.9, 17.0, 6)
    errors = []
    for h in (0.5, 0.25):
        x = tasks.delay_rk4(np.array([0.9]), 17.0, h, int(100 / h))[:, 0]
        times = np.arange(len(x)) * h
        errors.append(max(abs(a - want(t)) for a, t in zip(x, times, strict=True)))
    assert errors[1] < 1e-6
    assert 12 < errors[0] / errors[1] < 20  # 2⁴, but for the next order
    delay_of_one_step = tasks.delay_rk4(np.array([0.9]), 0.5, 0.5, 40)[-1, 0]
    np.testing.assert_allclose(delay_of_one_step, by_steps(0.9, 0.5, 40)(20.0), rtol=1e-3)


def test_a_mackey_glass_series_at_its_fixed_point_stays():
    assert (tasks.delay_rk4(np.ones(2), 17.0, 0.5, 100) == 1).all()


def test_the_target_is_the_series_later_and_persistence_is_a_baseline():
    batch = tasks.mackey_glass(rng(3), 200, 3, interval=2.0, ahead=4, h=0.5)
    np.testing.assert_array_equal(batch.inputs[4:], batch.targets[:-4])
    past = rng(3).uniform(0.5, 1.3, size=3)
    whole = tasks.delay_rk4(past, 17.0, 0.5, 1500)[::4]
    np.testing.assert_array_equal(batch.inputs[..., 0], whole[150:350])
    total = sum(
        (batch.targets[t, k, 0] - batch.inputs[t, k, 0]) ** 2 for t in range(200) for k in range(3)
    )
    np.testing.assert_allclose(tasks.mackey_glass_baseline(batch), total / 600, rtol=1e-12)
    assert 0.2 < batch.inputs.min() < 0.6 and 1.2 < batch.inputs.max() < 1.4
    assert batch.mask.all() and batch.mask.shape == (200, 3)


@for_any_size
@given(st.integers(1, 40), st.integers(1, 3), SEEDS)
def test_narma10_follows_its_recurrence(T, B, seed):
    batch = tasks.narma10(rng(seed), T, B)
    assert 0 <= batch.inputs.min() and batch.inputs.max() <= 0.5 and batch.mask.all()
    for k in range(B):
        u, y = batch.inputs[:, k, 0], [0.0]
        for t in range(T):
            ten = sum(y[t - i] for i in range(10) if i <= t)
            late = u[t - 9] if t >= 9 else 0.0
            y.append(0.3 * y[t] + 0.05 * y[t] * ten + 1.5 * late * u[t] + 0.1)
        np.testing.assert_allclose(batch.targets[:, k, 0], y[1:], rtol=1e-12)


def test_narma10_that_runs_away_is_drawn_again_and_only_that():
    once = rng(4).uniform(0, 0.5, size=(2000, 200))
    fine = tasks._narma10(once).max(0) <= 1
    assert 0.8 < fine.mean() < 1
    batch = tasks.narma10(rng(4), 2000, 200)
    assert 0 < batch.targets.min() and batch.targets.max() <= 1
    same = (batch.inputs[..., 0] == once).all(0)
    np.testing.assert_array_equal(same, fine)


def test_narma10_gives_up_in_the_end(monkeypatch):
    monkeypatch.setattr(tasks, "_narma10", lambda u: np.full_like(u, 2))
    with pytest.raises(ValueError, match="T: got 5, expected fewer steps"):
        tasks.narma10(rng(), 5, 1)


def test_narma10_costs_its_variance():
    batch = tasks.narma10(rng(5), 500, 4)
    guesses = np.linspace(0.2, 0.6, 401)
    costs = [((batch.targets - g) ** 2).mean() for g in guesses]
    np.testing.assert_allclose(tasks.narma10_baseline(batch), min(costs), atol=1e-6)


def test_what_is_drawn_depends_on_the_generator_alone():
    for draw in (
        lambda r: tasks.adding(r, 6, 2),
        lambda r: tasks.copying(r, 5, 2),
        lambda r: tasks.temporal_order(r, 20, 2),
        lambda r: tasks.parity(r, 20, 2),
        lambda r: tasks.anbn(r, 9, 1, 9),
        lambda r: tasks.reber(r, 9),
        lambda r: tasks.continual(r, 20, 2),
        lambda r: tasks.mackey_glass(r, 5, 2, h=0.5),
        lambda r: tasks.narma10(r, 20, 2),
    ):
        one, again, other = draw(rng(1)), draw(rng(1)), draw(rng(2))
        assert all((a == b).all() for a, b in zip(one, again, strict=True))
        assert one.inputs.shape != other.inputs.shape or (one.inputs != other.inputs).any()
        numbers = np.float64 if isinstance(one, tasks.Sequences) else np.int64
        assert [a.dtype for a in one] == [numbers, numbers, np.bool_]
        assert one.inputs.shape[:2] == one.targets.shape[:2] == one.mask.shape
        assert one.inputs.ndim == one.targets.ndim == (3 if numbers is np.float64 else 2)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: tasks.adding(rng(), 1, 2), "T: got 1, expected at least 2"),
        (lambda: tasks.adding(rng(), 5, 0), "B: got 0, expected at least 1"),
        (lambda: tasks.copying(rng(), 0, 2), "delay: got 0, expected at least 1"),
        (lambda: tasks.copying(rng(), 5, 2, S=0), "S: got 0, expected at least 1"),
        (lambda: tasks.copying(rng(), 5, 2, K=0), "K: got 0, expected at least 1"),
        (lambda: tasks.temporal_order(rng(), 9, 2), "T: got 9, expected at least 10"),
        (lambda: tasks.temporal_order(rng(), 20, 2, n=4), "n: got 4, expected 2 or 3"),
        (lambda: tasks.parity(rng(), 0, 2), "T: got 0, expected at least 1"),
        (lambda: tasks.anbn(rng(), 2, 0, 4), "least: got 0, expected at least 1"),
        (lambda: tasks.anbn(rng(), 2, 5, 4), "most: got 4, expected at least 5"),
        (lambda: tasks.reber(rng(), 0), "B: got 0, expected at least 1"),
        (lambda: tasks.reber(rng(), 2, tasks.CONTINUAL), "grammar: got one without an end"),
        (lambda: tasks.continual(rng(), 2, 2, tasks.REBER), "grammar: got one with an end"),
        (lambda: tasks.continual(rng(), 0, 2), "T: got 0, expected at least 1"),
        (
            lambda: tasks.next_symbols(tasks.REBER, "BTV"),
            "string: got 'V' at place 2, expected S or X",
        ),
        (
            lambda: tasks.next_symbols(tasks.REBER, "BTXSEB"),
            "string: got 'B' at place 5, expected the end",
        ),
        (lambda: tasks.mackey_glass(rng(), 0, 2), "T: got 0, expected at least 1"),
        (lambda: tasks.mackey_glass(rng(), 5, 2, ahead=0), "ahead: got 0, expected at least 1"),
        (
            lambda: tasks.mackey_glass(rng(), 5, 2, tau=17.05),
            "tau: got 17.05, expected a multiple of h = 0.1",
        ),
        (
            lambda: tasks.mackey_glass(rng(), 5, 2, interval=0.05),
            "interval: got 0.05, expected a multiple of h = 0.1",
        ),
        (lambda: tasks.mackey_glass(rng(), 5, 2, h=0), "h: got 0, expected a positive number"),
        (lambda: tasks.narma10(rng(), 0, 2), "T: got 0, expected at least 1"),
    ],
)
def test_bad_input_is_refused(draw, message):
    with pytest.raises(ValueError) as error:
        draw()
    assert str(error.value).startswith(message)
