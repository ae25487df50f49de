"""The experiments of chapter *deploy*: a planted secret, and a network that is trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rnnlib import characters
from rnnlib.experiments import canary, char_lstm, fine_tune


def small(seed):
    torch.manual_seed(seed)
    return char_lstm.Model(D=3, H=5).requires_grad_(False)


@pytest.mark.parametrize("seed", range(3))
def test_a_candidate_has_the_probability_of_reading_it_symbol_by_symbol(seed):
    model, rng = small(seed), np.random.default_rng(seed)
    log_p = canary.candidates(model, "is ", digits=3)
    assert log_p.shape == (1000,)
    for secret in rng.integers(1000, size=5):
        symbols = torch.from_numpy(characters.encode(f"\nis {secret:03}"))[:, None]
        model.state = None
        said = model(symbols[:-1]).log_softmax(-1)[:, 0]
        expected = said[range(3, 6), symbols[4:, 0]].sum()  # after the blank and two digits
        np.testing.assert_allclose(log_p[secret], expected, rtol=1e-5)


def test_candidates_and_all_other_continuations_have_probability_one():
    assert 0 < np.exp(canary.candidates(small(0), "", digits=2)).sum() < 1


def test_exposure_runs_from_nothing_to_all_bits_and_loses_one_where_the_rank_doubles():
    log_p = np.random.default_rng(0).permutation(np.arange(64.0))
    order = np.argsort(-log_p)
    exposures = [canary.exposure(log_p, int(k)) for k in order]
    assert exposures[0] == 6
    assert exposures[-1] == 0
    np.testing.assert_allclose(exposures, 6 - np.log2(np.arange(1, 65)))


def test_who_knows_nothing_gives_nothing_away():
    assert canary.exposure(np.zeros(1000), 7) == 0


@pytest.mark.parametrize("seed", range(3))
def test_each_line_is_planted_so_often_and_the_text_is_as_it_was(seed):
    rng = np.random.default_rng(seed)
    text, times = [f"line {k}" for k in range(20)], np.array([0, 1, 5])
    planted = canary.plant(rng, text, ["a", "b", "c"], times)
    assert [planted.count(line) for line in "abc"] == [0, 1, 5]
    assert [line for line in planted if line not in "abc"] == text


def test_of_equal_long_lines_the_first_is_kept_and_of_short_ones_all():
    text = ["pass", "a long line", "pass", "another one", "a long line"]
    assert canary.without_copies(text, least=8) == text[:4]


def test_names_are_drawn_once():
    prompts, secrets = canary.draw(np.random.default_rng(0), 200, digits=4)
    assert len(set(prompts)) == 200
    assert {len(secret) for secret in secrets} == {4}


def test_the_network_that_is_trained_on_is_the_one_that_is_kept():
    trained = characters.load()
    symbols = trained.excerpt.T[:50, :2]
    model = fine_tune.pretrained(trained.network)
    with torch.no_grad():
        said = model(torch.from_numpy(np.ascontiguousarray(symbols))).numpy()
    np.testing.assert_allclose(said, characters.read(trained.network, symbols)[0], atol=1e-4)


def test_no_header_is_both_trained_on_and_held_out():
    paths = sorted(Path(np.get_include()).rglob("*.h"))
    texts = [characters.encode(path.read_text(encoding="utf-8")).tobytes() for path in paths]
    known, test = fine_tune.headers(seed=0, held_out=1000, piece=400)
    held = [x for x in texts if any(column.tobytes() in x for column in test.T.copy())]
    assert len(held) == 6
    others = [x for x in texts if x not in held]
    assert all(any(p.tobytes() in x for x in others) for p in known.reshape(-1, 400))
    assert len(known) > 50_000


def test_training_ends_with_the_model_that_was_best():
    text = np.random.default_rng(0).integers(5, size=600)
    torch.manual_seed(0)
    model = char_lstm.Model(3, 4)
    tune = text[:80]
    value, step, best = fine_tune.teach(model, text, tune, 6, 2, B=2, T=20, lr=0.1)
    assert step in (2, 4, 6)
    np.testing.assert_allclose(fine_tune.bits(best, tune.reshape(4, -1).T), value, rtol=1e-5)
