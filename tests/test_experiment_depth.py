"""What the experiments on depth and on both directions take for granted."""

import numpy as np
import pytest
import torch

from rnnlib.experiments import both_directions, depth, reservoir_trained
from rnnlib.tasks import narma10


@pytest.mark.parametrize("way", ["residual", "highway"])
def test_layers_that_say_nothing_let_the_first_one_past(way):
    torch.manual_seed(0)
    deep = depth.Deep("GRU", 3, 5, 2, L=3, way=way)
    one = depth.Deep("GRU", 3, 5, 2, L=1, way="plain")
    one.layers[0], one.readout = deep.layers[0], deep.readout
    for layer in deep.layers[1:]:  # its state stays zero: the candidate is tanh 0
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)
    for gate in deep.gates:
        torch.nn.init.constant_(gate.bias, -200.0)
    xs = torch.randn(4, 2, 3)
    torch.testing.assert_close(deep(xs), one(xs), rtol=0, atol=0)


def test_a_plain_stack_is_that_of_torch():
    torch.manual_seed(1)
    deep = depth.Deep("tanh", 3, 5, 2, L=2, way="plain")
    whole = torch.nn.RNN(3, 5, num_layers=2)
    for k, layer in enumerate(deep.layers):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(whole, f"{name}_l{k}").data = getattr(layer, f"{name}_l0").data
    xs = torch.randn(4, 2, 3)
    torch.testing.assert_close(deep(xs), deep.readout(whole(xs)[0]))


def test_the_tags_of_a_date_mark_its_year():
    batch = both_directions.written(np.random.default_rng(0), 200)
    assert len(set(batch.lengths.tolist())) > 1
    firsts = set()
    for text, tags, n in zip(batch.text.T, batch.tags.T, batch.lengths, strict=True):
        written = "".join(both_directions.SYMBOLS[k] for k in text[:n])
        year = "".join(s for s, tag in zip(written, tags, strict=False) if tag == 1)
        assert written.split("-")[0 if tags[0] == 1 else -1] == year
        assert 1900 <= int(year) < 2100
        assert (tags[:n] >= 0).all() and (tags[n:] == -1).all()
        firsts.add(int(tags[0]))
    assert firsts == {0, 1}


@pytest.mark.parametrize(("kind", "reach"), [("ahead", 0), ("late", 2), ("both", 10)])
def test_a_tagger_sees_as_far_ahead_as_it_says(kind, reach):
    torch.manual_seed(2)
    tagger = both_directions.Tagger(kind, 6)
    batch = both_directions.written(np.random.default_rng(1), 1)
    n = int(batch.lengths[0])
    before = tagger(batch)
    for s in range(n):
        text = batch.text.clone()
        text[s] = (text[s] + 1) % 10
        moved = (tagger(batch._replace(text=text)) != before).flatten(1).any(1)[:n]
        assert moved.tolist() == [t >= s - reach for t in range(n)]


def test_windows_are_cut_out_of_the_series():
    rng = np.random.default_rng(3)
    known = narma10(rng, 50, 2)
    xs, ys, skip = next(reservoir_trained.windows(rng, known, window=10, B=4, skip=3))
    assert (xs.shape, ys.shape, skip) == ((10, 4, 1), (10, 4, 1), 3)
    whole_x, whole_y = (reservoir_trained.scaled(a, a) for a in (known.inputs, known.targets))
    for b in range(4):
        places = [
            (start, k)
            for start in range(40)
            for k in range(2)
            if torch.equal(xs[:, b], whole_x[start : start + 10, k])
        ]
        [(start, k)] = places
        torch.testing.assert_close(ys[:, b], whole_y[start : start + 10, k])
