"""What is known of a text, how well units tell it, and what acts; and the file of the model."""

import io
import tokenize

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from rnnlib import characters, check, data, inside
from rnnlib.experiments import char_lstm
from rnnlib.reference import embedding, linear, lstm
from rnnlib.reference.ops import logsumexp, tree_map

T, D, H = 12, 3, 5


def network(seed=0):
    rng = np.random.default_rng(seed)
    return characters.Network(
        embedding.init(rng, characters.V, D),
        lstm.init(rng, D, H),
        linear.init(rng, H, characters.V),
    )


def text(seed=0, T=T):
    return np.random.default_rng([seed, 1]).integers(characters.V, size=T)


@pytest.mark.parametrize("name", ["ast.py", "doctest.py", "textwrap.py", "json/decoder.py"])
def test_marks_agree_with_python_s_own_tokens(name):
    source = data.python_files()[name]
    starts = np.cumsum([0] + [len(line) for line in source.splitlines(keepends=True)])
    string, comment = np.zeros((2, len(source)), dtype=bool)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        begin, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        if kind in {"STRING", "FSTRING_START"}:  # from Python 3.12 on, an f-string is many tokens
            opened = begin + min(token.string.find(q) for q in "'\"" if q in token.string)
        if kind in {"STRING", "FSTRING_END"}:
            string[opened : end - 1] = True
        elif kind == "COMMENT":
            comment[begin:end] = True
    got = inside.marks(source)
    np.testing.assert_array_equal(got.comment, comment)
    np.testing.assert_array_equal(got.string, string)
    np.testing.assert_array_equal(got.prose, string | comment)


def test_marks_say_what_holds_after_each_character():
    got = inside.marks('  f(a,\n"(\\"b")  # )')
    assert "".join(str(int(k)) for k in got.string) == "0000000" + "11111" + "0000000"
    assert "".join(str(int(k)) for k in got.bracket) == "0001111" + "111111" + "000000"
    assert "".join(str(int(k)) for k in got.comment) == "0" * 16 + "111"
    assert got.indent.tolist() == [1, 2, 2, 2, 2, 2, 0] + [0] * 12
    assert got.column.tolist() == [1, 2, 3, 4, 5, 6, 0, *range(1, 13)]


def test_a_definition_in_a_string_is_none():
    source = 'a = """\ndef f\nclass A\n"""\nasync def g(): pass'
    assert source[inside.first_definition(source) :].startswith("async def g")
    assert inside.first_definition("a = 1") == 5


def test_auc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, holds = rng.integers(5, size=(50, 3)).astype(float), rng.random(50) < 0.3
    want = [roc_auc_score(holds, column) for column in scores.T]
    np.testing.assert_allclose(inside.auc(scores, holds), want, rtol=1e-12)
    np.testing.assert_allclose(inside.score(scores, holds), want, rtol=1e-12)
    below = inside.strength(inside.score(-scores, holds), holds)
    np.testing.assert_allclose(below, inside.strength(inside.score(scores, holds), holds))


def test_correlation_is_that_of_numpy_and_none_for_what_does_not_vary():
    rng = np.random.default_rng(0)
    scores, values = rng.normal(size=(50, 3)), rng.normal(size=50)
    want = [np.corrcoef(column, values)[0, 1] for column in scores.T]
    np.testing.assert_allclose(inside.score(scores, values), want, rtol=1e-12)
    np.testing.assert_allclose(inside.strength(inside.score(scores, values), values), np.abs(want))
    assert inside.correlation(np.ones((50, 1)), values).tolist() == [0]


@pytest.mark.parametrize("kind", [float, bool])
def test_a_probe_is_ridge_regression_on_standardised_states(kind):
    rng = np.random.default_rng(0)
    states = 3 + 2 * rng.normal(size=(60, 4))
    mark = states @ rng.normal(size=4) + rng.normal(size=60) > 0
    mark = mark.astype(kind)
    got = inside.probe(states, mark, ridge=2.0)
    z = (states - states.mean(axis=0)) / states.std(axis=0)
    want = Ridge(alpha=2.0).fit(z, mark.astype(float))
    np.testing.assert_allclose(got(states), want.predict(z), rtol=1e-5)


def test_clamping_nothing_changes_nothing_and_clamping_holds():
    net, symbols = network(), np.stack([text(0), text(1)], axis=1)
    logits, hs, cs, _ = characters.read(net, symbols)
    free = inside.Clamped(np.zeros(H, dtype=bool), np.ones(H))
    for got, want in zip(characters.read(net, symbols, free)[:3], (logits, hs, cs), strict=True):
        np.testing.assert_array_equal(got, want)
    held = np.arange(2 * H).reshape(2, H) % 3 == 0
    _, hs, cs, caches = characters.read(net, symbols, inside.Clamped(held, 0.7 * held))
    assert (cs[:, held] == 0.7).all() and (cs[:, ~held] != 0.7).all()
    o = np.stack([cache.kept[3] for cache in caches])
    np.testing.assert_allclose(hs, o * np.tanh(cs), rtol=1e-12)


def log_p(net, xs, following):
    """log p of a symbol after the last step, from the vectors that are read."""
    state = lstm.zero_state(net.cell, 1)
    for x in xs:
        state, _ = lstm.step(net.cell, x[None], state)
    logits = linear.forward(net.readout, state.h)
    return (logits - logsumexp(logits))[0, following]


def test_what_a_step_listens_to_is_the_derivative():
    net, symbols = network(), text(T=T + 1)
    _, hs, _, _ = characters.read(net, symbols[:-1, None])
    dhs = inside.into_log_p(net, hs[:, 0], symbols[1:])
    got = inside.listens(net, symbols[:-1], dhs)
    assert got.shape == (T, T, D)
    xs = net.embedding.E[symbols[:-1]]
    rng = np.random.default_rng(2)
    for t in (0, 4, T - 1):
        assert not got[t, t + 1 :].any()
        f = lambda part, t=t: log_p(net, part, symbols[t + 1])  # noqa: E731
        assert check.gradient_error(f, (xs[: t + 1],), (got[t, : t + 1],), rng) < 1e-10


def test_moves_are_what_reading_another_text_gives():
    net, symbols = network(), text()
    places, others = np.array([3, 3, 11, 0]), np.array([5, 6, 7, symbols[0]])
    moved, first, norms = inside.moves(net, symbols, 9, places, others)
    plain = log_p(net, net.embedding.E[symbols], 9)
    for k, (place, other) in enumerate(zip(places, others, strict=True)):
        changed = symbols.copy()
        changed[place] = other
        want = log_p(net, net.embedding.E[changed], 9) - plain
        np.testing.assert_allclose(moved[k], want, atol=1e-12)
    assert moved[3] == first[3] == 0
    E = net.embedding.E
    near = net._replace(embedding=embedding.Params(np.concatenate([E, E]) * 1.0))
    step = 1e-6 * (E[5] - E[symbols[3]])
    near.embedding.E[characters.V + 5] = E[symbols[3]] + step
    moved, guess, _ = inside.moves(near, symbols, 9, places[:1], np.array([characters.V + 5]))
    np.testing.assert_allclose(moved, guess, rtol=1e-3)
    np.testing.assert_allclose(guess / 1e-6, first[:1], rtol=1e-6)
    assert norms.shape == (T,) and (norms > 0).all()


def test_bits_are_those_of_the_cross_entropy():
    net, symbols = network(), text(T=T + 1)
    logits = characters.read(net, symbols[:-1, None])[0][:, 0]
    want = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits), torch.from_numpy(symbols[1:]), reduction="none"
    )
    np.testing.assert_allclose(inside.bits(logits, symbols[1:]) * np.log(2), want.numpy())


def test_the_file_gives_back_what_was_kept(tmp_path):
    net = network()
    kept = characters.Trained(net, text(T=14).reshape(2, 7), ("a.py", "b.py"), "somewhere")
    path = tmp_path / "kept.npz"
    arrays = characters.save(kept)
    np.savez_compressed(path, **arrays)
    again = characters.load(path)
    tree_map(
        lambda a, b: np.testing.assert_array_equal(a, b.astype(np.float16)), again.network, net
    )
    assert again.network.cell.W_h.dtype == np.float32
    np.testing.assert_array_equal(again.excerpt, kept.excerpt)
    assert again[2:] == kept[2:]
    np.savez_compressed(path, **(arrays | {"vocabulary": np.array("abc")}))
    with pytest.raises(ValueError, match=r"^path: got kept\.npz with other symbols"):
        characters.load(path)


def test_the_file_of_the_book_is_small_and_predicts_what_it_has_not_seen():
    path = characters.RESULTS / "char_lstm.npz"
    assert path.stat().st_size <= 400_000
    trained = characters.load()
    assert trained.excerpt.size <= 60_000 and len(trained.files) == len(trained.excerpt)
    seen = trained.excerpt[:, :500].T
    cost = inside.bits(characters.read(trained.network, seen[:-1])[0], seen[1:])
    assert cost.mean() < 3 < np.log2(characters.V)


def test_the_reference_is_the_network_of_torch():
    torch.manual_seed(0)
    model = char_lstm.Model(D, H)
    symbols = np.stack([text(0), text(1)], axis=1)
    logits, _, _, _ = characters.read(char_lstm.reference(model), symbols)
    np.testing.assert_allclose(logits, model(torch.from_numpy(symbols)).detach().numpy(), atol=1e-6)
