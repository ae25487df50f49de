"""The experiments of chapter *batching*: what counts, what is read, and whose gradient is taken."""

from collections import deque

import numpy as np
import pytest
import torch

from rnnlib import data
from rnnlib.experiments import data_parallel, padding, stale_gradients


@pytest.fixture(scope="module")
def corpus():
    return padding.names(0)


def three(corpus, T=None):
    return padding.batch(corpus.train[:3], corpus.languages[0][:3], T)


def test_no_name_of_what_is_held_out_is_learned_from(corpus):
    rows = data.names()
    assert len(corpus.train) + len(corpus.test) == len(rows)
    assert 0.05 < len(corpus.test) / len(rows) < 0.15
    assert {len(corpus.languages[k]) for k in (0, 1)} == {len(corpus.train), len(corpus.test)}
    assert all(x.min() > padding.PAD and x.max() < corpus.V for x in corpus.train + corpus.test)


@torch.no_grad()
def test_only_a_mask_by_length_counts_what_counts(corpus):
    writer = padding.Writer(corpus.V, 4).double()
    alone = [padding.batch([x], np.zeros(1, dtype=int)) for x in corpus.train[:3]]
    sizes = [len(x) + 1 for x in corpus.train[:3]]
    want = np.average([float(padding.write_loss(writer, x, "none")) for x in alone], weights=sizes)
    for T in (None, 70):
        got = float(padding.write_loss(writer, three(corpus, T), "length"))
        assert got == pytest.approx(want, rel=1e-12)
        for mask in ("none", "symbol"):
            other = float(padding.write_loss(writer, three(corpus, T), mask))
            assert other != pytest.approx(want, rel=1e-4)
    assert padding.per_symbol(writer, alone) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("both", [False, True])
@torch.no_grad()
def test_a_reader_with_lengths_and_no_other_is_blind_to_padding(corpus, both):
    for lengths in (True, False):
        torch.manual_seed(0)
        reader = padding.Reader(corpus.V, 4, 5, both, lengths).double()
        near, far = reader(three(corpus)), reader(three(corpus, 70))
        assert torch.allclose(near, far, rtol=1e-12, atol=1e-12) is lengths


class Counter(torch.nn.Module):
    """Writes so many letters, then ends."""

    def __init__(self, letters):
        super().__init__()
        self.letters = letters

    def forward(self, letters, state=None):
        t = 0 if state is None else int(state)
        logits = torch.full((1, letters.shape[1], 3), -1e3)
        logits[..., padding.PAD if t >= self.letters else 1] = 0
        return logits, torch.tensor(t + 1)


@pytest.mark.parametrize(("letters", "want"), [(0, 0), (4, 4), (99, 9)])
def test_a_name_ends_at_its_first_end(letters, want):
    assert padding.write(Counter(letters), seed=0, N=5, limit=9).tolist() == [want] * 5


def test_two_processes_learn_what_one_does_if_their_losses_are_weighted():
    found = data_parallel.measure(1, **data_parallel.QUICK)
    even, own, weighted = found["gap"]
    assert max(even.max(), weighted.max()) < 1e-12
    assert own[0] < 1e-12 < 1e-6 < own[1:].max()
    assert found["apart"] == [0, 0, 0]


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_a_stale_gradient_is_that_of_the_weights_of_so_many_updates_ago(delay):
    """Against torch's SGD, whose gradient is taken from an old copy of the network."""
    series, B, T, H, rate = stale_gradients.sunspots(), 3, 5, 4, 0.05
    start = stale_gradients.start(0, 2, H)
    rates = torch.tensor([rate, 1.0])
    got = stale_gradients.train(0, start, rates, series, T, B, delay, updates=6)

    weights = [a[:1].clone() for a in stale_gradients.start(0, 1, H)]
    sgd = torch.optim.SGD(weights, lr=rate)
    old = deque([[a.clone() for a in weights]] * (delay + 1), maxlen=delay + 1)
    rng = np.random.default_rng([0, 1])
    for _ in range(6):
        starts = rng.integers(len(series) - T, size=B)
        batch = torch.stack([series[k : k + T + 1] for k in starts], 1)[..., None]
        then = stale_gradients.Params(*(a.requires_grad_() for a in old[0]))
        grads = torch.autograd.grad(stale_gradients.loss(then, batch).sum(), then)
        for a, g in zip(weights, grads, strict=True):
            a.grad = g
        sgd.step()
        old.append([a.clone() for a in weights])
    for a, b in zip(got, weights, strict=True):
        torch.testing.assert_close(a[:1].detach(), b)
