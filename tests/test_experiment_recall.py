"""What the experiment on recall does."""

import numpy as np
import pytest
import torch

from rnnlib.experiments import recall


def test_what_is_asked_has_been_read_and_what_is_named_belongs_to_it():
    batch = recall.draw(np.random.default_rng(0), 50, 6, 9)
    keys, values, asked, named = (a.numpy() for a in batch)
    assert (np.sort(keys, axis=0) == np.arange(6)[:, None]).all()
    for b in range(50):
        for t in range(6):
            place = int(np.flatnonzero(keys[:, b] == asked[t, b])[0])
            assert place <= t and named[t, b] == values[place, b]
    assert len(np.unique((asked == keys).sum(0))) > 1  # not always the last pair


@pytest.mark.parametrize("reader", ["attention 4", "mLSTM 4", "LSTM 4"])
def test_a_reader_sees_the_past_alone(reader):
    torch.manual_seed(1)
    network, batch = (
        recall.Network(reader, 6, 9, 5, 7),
        recall.draw(np.random.default_rng(1), 3, 6, 9),
    )
    changed = recall.Batch(*(torch.cat([a[:4], a[4:].flip(0)]) for a in batch))
    with torch.no_grad():
        got, want = network(changed), network(batch)
    torch.testing.assert_close(got[:4], want[:4])
    assert not torch.allclose(got[4:], want[4:])
