"""Twins that are no cells, and what is built of them: equal to the reference in float64."""

import copy
import itertools

import numpy as np
import pytest
import torch
from helpers import assert_close, assert_gradient_close
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib import nn
from rnnlib.check import dot, random_like
from rnnlib.nn import attention as nn_attention
from rnnlib.nn import backend as nn_backend
from rnnlib.nn import bidirectional as nn_bidirectional
from rnnlib.nn import complex_pairs as nn_complex
from rnnlib.nn import crf as nn_crf
from rnnlib.nn import decode as nn_decode
from rnnlib.nn import init as nn_init
from rnnlib.nn import log_space as nn_log_space
from rnnlib.nn import lstm as nn_lstm
from rnnlib.nn import min_gru as nn_min_gru
from rnnlib.nn import packed as nn_packed
from rnnlib.nn import reservoir as nn_reservoir
from rnnlib.nn import scan as nn_scan
from rnnlib.nn import weight_drop as nn_weight_drop
from rnnlib.nn import zoneout as nn_zoneout
from rnnlib.nn.modules import CRF, ESN, LRU, Attention, MinGRU, MinLSTM, Seq2Seq
from rnnlib.reference import (
    attention,
    bidirectional,
    bptt,
    crf,
    decode,
    dropout,
    elman,
    init,
    log_space,
    lru,
    lstm,
    min_gru,
    min_lstm,
    packed,
    reservoir,
    scan,
    weight_drop,
    zoneout,
)
from rnnlib.reference.ops import leaves, tree_map

SIZES = st.tuples(*[st.integers(1, 5)] * 4, st.integers(0, 2**16))
for_any_size = settings(deadline=None, derandomize=True, max_examples=25)


def tensors(tree):
    """The same tree, of tensors that ask for their gradient."""
    return tree_map(lambda a: torch.tensor(a, requires_grad=a.dtype == np.float64), tree)


def gradients(loss, tree):
    """The gradients of a loss, as arrays; zeros where nothing was read."""
    found = torch.autograd.grad(loss, leaves(tree), allow_unused=True)
    grads = iter(zip(found, leaves(tree), strict=True))
    return tree_map(
        lambda _: (lambda g, a: (torch.zeros_like(a) if g is None else g).numpy())(*next(grads)),
        tree,
    )


def arrays(tree):
    """The same tree, of arrays."""
    return tree_map(lambda a: a.detach().numpy(), tree)


@for_any_size
@given(SIZES)
def test_packed(size):
    T, B, D, H, seed = size
    rng = np.random.default_rng(seed)
    params, state = (
        random_like(rng, t)
        for t in (lstm.init(rng, D, H), lstm.zero_state(lstm.init(rng, D, H), B))
    )
    xs, lengths = rng.normal(size=(T, B, D)), rng.integers(1, T + 1, B)
    hs, last, cache = packed.forward(lstm, params, xs, state, lengths)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    given = tensors((params, xs, state))
    p, x, s = nn_lstm.Params(*given[0]), given[1], nn_lstm.State(*given[2])
    hs_t, last_t = nn_packed.forward(nn_lstm, p, x, s, torch.tensor(lengths))
    assert_close(arrays((hs_t, last_t)), (hs, last), rtol=1e-12)
    got = gradients(dot((hs_t, last_t), tensors((u, w))), (p, x, s))
    assert_close(got, packed.backward(lstm, params, cache, u, w), rtol=1e-12)


@for_any_size
@given(SIZES)
def test_dropout_and_zoneout_with_given_masks(size):
    T, B, D, H, seed = size
    rng = np.random.default_rng(seed)
    params, state = lstm.init(rng, D, H), lstm.zero_state(lstm.init(rng, D, H), B)
    params, state = random_like(rng, params), random_like(rng, state)
    xs, mask = rng.normal(size=(T, B, D)), dropout.each_sequence(rng, 0.4, B, H)
    keep = zoneout.draw(rng, state, (0.2, 0.5), T)
    cell = zoneout.Zoneout(dropout.Dropout(lstm, np.ones((B, D)), mask))
    given = zoneout.Params(params), zoneout.inputs(xs, keep), state
    hs, last, caches = bptt.forward(cell, *given)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    dparams, dx, dstate = bptt.backward(cell, given[0], caches, u, w)

    p, x, s = nn_lstm.Params(*tensors(params)), tensors(xs), nn_lstm.State(*tensors(state))
    layer = nn_backend.Layer(nn_lstm, p, torch.tensor(mask), torch.tensor(keep))
    hs_t, last_t = nn_backend.run("auto", layer, x, s)
    assert_close(arrays((hs_t, last_t)), (hs, last), rtol=1e-12)
    got = gradients(dot((hs_t, last_t), tensors((u, w))), (p, x, s))
    assert_close(got, (dparams.cell, dx[..., :D], dstate), rtol=1e-12)


def test_zoneout_in_evaluation_keeps_the_mean():
    state = lstm.State(np.zeros((2, 3)), np.zeros((2, 3)))
    want = zoneout.expected(state, (0.2, 0.5), 4)
    np.testing.assert_array_equal(nn_zoneout.expected(tensors(state), (0.2, 0.5), 4).detach(), want)
    drawn = nn_zoneout.draw(torch.Generator().manual_seed(1), tensors(state), (0.0, 0.5), 400)
    assert (drawn[..., :3] == 0).all() and 0.45 < drawn[..., 3:].mean() < 0.55
    with pytest.raises(ValueError, match=r"rates: got \(0\.1,\), expected 2"):
        nn_zoneout.draw(None, tensors(state), (0.1,), 4)


def test_weight_drop():
    rng = np.random.default_rng(2)
    params = random_like(rng, elman.init(rng, 2, 3))
    m = weight_drop.draw(rng, params, 0.5)
    given = nn.elman.Params(*tensors(params))
    got = nn_weight_drop.forward(given, torch.tensor(m))
    assert_close(arrays(got), weight_drop.forward(params, m))
    u = random_like(rng, params)
    assert_close(gradients(dot(got, tensors(u)), given), weight_drop.backward(u, m))
    with pytest.raises(ValueError, match=r"m: got shape \(3,\), expected \(3, 3\)"):
        nn_weight_drop.forward(given, torch.ones(3))


@for_any_size
@given(SIZES)
def test_reverse(size):
    T, B, D, _, seed = size
    rng = np.random.default_rng(seed)
    xs, lengths = rng.normal(size=(T, B, D)), rng.integers(1, T + 1, B)
    got = nn_bidirectional.reverse(torch.tensor(xs), torch.tensor(lengths))
    np.testing.assert_array_equal(got, bidirectional.reverse(xs, lengths))
    whole = nn_bidirectional.reverse(torch.tensor(xs), None)
    np.testing.assert_array_equal(whole, bidirectional.reverse(xs, np.full(B, T)))


@pytest.mark.parametrize("name", ["sequential", "hillis_steele", "work_efficient", "chunked"])
@pytest.mark.parametrize("T", [1, 2, 3, 7, 16, 35])
def test_scans(name, T):
    rng = np.random.default_rng(T)
    (a, b), h = scan.init(rng, T, 2, 3), rng.normal(size=(2, 3))
    given = tensors((a, b, h))
    hs = nn_scan.forward(*given, scan=getattr(nn_scan, name))
    assert_close(arrays((hs, nn_scan.loop(*given))), (scan.loop(a, b, h),) * 2, rtol=1e-12)
    u = rng.normal(size=hs.shape)
    want = scan.backward(a, h, hs.detach().numpy(), u)
    assert_close(gradients((hs * torch.tensor(u)).sum(), given), want, rtol=1e-12)


def test_log_space():
    a = np.array([-1000.0, -30, -1.5, 0, 0.3, 25, 1000])
    t = torch.tensor(a)
    for name in ("softplus", "positive", "log_positive"):
        got = getattr(nn_log_space, name)(t).numpy()
        want = getattr(log_space, name)(a)  # its softplus(-30) rounds, torch's log1p does not
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(nn_log_space.log_add(t, t.flip(0)), log_space.log_add(a, a[::-1]))


def test_complex_numbers_are_torchs():
    p, q, r, s = torch.randn(4, 3, dtype=torch.complex128)

    def pair(z):
        return z.real, z.imag

    product = nn_complex.times(pair(p), pair(q))
    torch.testing.assert_close(torch.complex(*product), p * q)
    f, u = nn_complex.compose((pair(p), pair(q)), (pair(r), pair(s)))
    torch.testing.assert_close(torch.complex(*f), r * p)
    torch.testing.assert_close(torch.complex(*u), r * q + s)


# Layers that are linear in their state.

LINEAR = {MinGRU: min_gru, MinLSTM: min_lstm, LRU: lru}


def by_segments(cell, params, xs, state, lengths, resets, u, w):
    """Values and gradients by the reference, each segment of each sequence run alone."""
    ys, dxs, last, dstate = (tree_map(np.zeros_like, a) for a in (u, xs, state, state))
    dparams = tree_map(np.zeros_like, params)
    for b, n in enumerate(lengths):
        cuts = sorted({0, n, *(t for t in range(n) if resets[t, b])})
        for start, stop in itertools.pairwise(cuts):
            row, own = (slice(start, stop), slice(b, b + 1)), int(start == 0 and not resets[0, b])
            one = tree_map(lambda s, b=b, own=own: s[b : b + 1] * own, state)
            hs, end, caches = bptt.forward(cell, params, xs[row], one)
            dend = tree_map(lambda d, b=b, k=stop == n: d[b : b + 1] * k, w)
            dp, dx, ds = bptt.backward(cell, params, caches, u[row], dend)
            ys[row], dxs[row], dparams = hs, dx, tree_map(np.add, dparams, dp)
            for to, of in [(last, end)] * int(stop == n) + [(dstate, ds)] * own:
                for a, value in zip(to, of, strict=True):
                    a[b] = value[0]
    return (ys, last), (dparams, dxs, dstate)


@pytest.mark.parametrize("cls", LINEAR, ids=lambda cls: cls.__name__)
@for_any_size
@given(SIZES, st.booleans(), st.booleans(), st.booleans())
def test_linear_layers(cls, size, with_n, with_r, batch_first):
    T, B, D, H, seed = size
    rng, cell = np.random.default_rng(seed), LINEAR[cls]
    torch.manual_seed(seed)
    m = cls(D, H, batch_first=batch_first, dtype=torch.float64)
    for p in m.parameters():
        torch.nn.init.normal_(p, std=0.7)
    params = cell.Params(*arrays(tuple(m._params())))
    xs, state = rng.normal(size=(T, B, D)), random_like(rng, cell.zero_state(params, B))
    lengths = rng.integers(1, T + 1, B) if with_n else np.full(B, T)
    resets = rng.random((T, B)) < 0.3 * with_r
    u, w = rng.normal(size=(T, B, H)), random_like(rng, state)
    values, grads = by_segments(cell, params, xs, state, lengths, resets, u, w)

    def turned(a):
        return a.transpose(0, 1) if batch_first else a

    x, s = tensors(xs), tensors(state)
    more = {"lengths": torch.tensor(lengths)} if with_n else {}
    more |= {"resets": turned(torch.tensor(resets))} if with_r else {}
    ys, last = m(turned(x), s, **more)
    assert_close(arrays((turned(ys), tuple(last))), (values[0], tuple(values[1])), rtol=1e-12)
    loss = dot((turned(ys), tuple(last)), tensors((u, tuple(w))))
    got = gradients(loss, (tuple(m._params()), x, tuple(s)))
    assert_gradient_close(got, (tuple(grads[0]), grads[1], tuple(grads[2])), rtol=1e-12)


@pytest.mark.parametrize("cls", LINEAR, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_linear_layers_in_every_dtype(cls, dtype):
    torch.manual_seed(1)
    m, x = cls(3, 5), torch.randn(6, 2, 3)
    want, _ = m(x)
    got, last = m.to(dtype)(x.to(dtype), lengths=torch.tensor([6, 6]))
    assert {got.dtype, *(s.dtype for s in last)} == {dtype}
    torch.testing.assert_close(got.float(), want, rtol=0.1, atol=0.1 if dtype != x.dtype else 1e-5)


@pytest.mark.parametrize("cls", LINEAR, ids=lambda cls: cls.__name__)
def test_linear_layers_copy_load_and_compile(cls):
    m, x = cls(3, 5), torch.randn(4, 2, 3)
    other = cls(3, 5)
    other.load_state_dict(m.state_dict())
    want = m(x)
    torch.testing.assert_close(other(x), want)
    torch.testing.assert_close(copy.deepcopy(m)(x), want)
    torch.testing.assert_close(m(x[2:], m(x[:2])[1])[0], want[0][2:])
    compiled = torch.compile(m, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x)[0], want[0])
    assert repr(m) == f"{cls.__name__}(3, 5)"


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (lambda: MinGRU(0, 3), "input_size: got 0, expected a positive integer"),
        (lambda: LRU(3, 3, r_min=0.9, r_max=0.5), "r_min, r_max: got 0.9, 0.5"),
        (lambda: MinLSTM(3, 5)(torch.zeros(4, 3)), "x: got shape (4, 3), expected (T, B, 3)"),
        (
            lambda: MinGRU(3, 5)(torch.zeros(4, 2, 3), (torch.zeros(1, 5),)),
            "state: got (1, 5), expected shape (2, 5)",
        ),
        (lambda: LRU(3, 5)(torch.zeros(4, 2, 3), "h"), "state: got str, expected 3 tensors"),
        (
            lambda: MinGRU(3, 5)(torch.zeros(4, 2, 3), [torch.zeros(2, 5, device="meta")]),
            "state: got device meta, expected cpu",
        ),
        (
            lambda: ESN(3, 5, 2)(torch.zeros(4, 2, 3), torch.zeros(1, 5)),
            "state: got (1, 5), expected shape (2, 5)",
        ),
        (lambda: CRF(0), "num_labels: got 0"),
        (lambda: ESN(3, 5, 2, radius=-1), "radius: got -1, expected a number above 0"),
        (lambda: ESN(3, 5, 2, density=0.001), "density: got 0.001, expected one that leaves loops"),
        (lambda: ESN(3, 5, 2)(torch.zeros(4, 2, 4)), "x: got shape (4, 2, 4), expected (T, B, 3)"),
        (
            lambda: ESN(3, 5, 2).fit(torch.zeros(4, 2, 3), torch.zeros(4, 2, 1), 0.1),
            "targets: got shape (4, 2, 1), expected 2 outputs",
        ),
        (lambda: Attention("cosine"), "kind: got 'cosine', expected one of"),
        (lambda: Attention("dot", 3), 'query_size: got it with kind="dot"'),
        (lambda: Attention("additive", 3, 3), "hidden_size: got None, expected a positive integer"),
        (lambda: Seq2Seq(3, 3, 0, 3), "embedding_size: got 0"),
        (
            lambda: Seq2Seq(3, 3, 3, 3)(torch.zeros(4, 2).long(), torch.zeros(4, 3).long()),
            "target: got shape (4, 3), expected (N, 2)",
        ),
    ],
)
def test_what_the_modules_refuse(run, says):
    with pytest.raises(ValueError) as error:
        run()
    assert says in str(error.value)


# Reservoirs.


def test_reservoir():
    rng = np.random.default_rng(3)
    m = ESN(2, 30, 3, leak=0.4, radius=1.1, density=0.5, dtype=torch.float64)
    params = elman.Params(*(m.get_buffer(n).numpy() for n in ("W_x", "W_h", "b")))
    assert abs(np.linalg.eigvals(params.W_h)).max() == pytest.approx(1.1)
    assert 0.3 < (params.W_h == 0).mean() < 0.7
    cell = reservoir.Reservoir(leak=0.4)
    xs, ys = rng.normal(size=(50, 4, 2)), rng.normal(size=(50, 4, 3))
    hs, last, _ = bptt.forward(cell, params, xs, cell.zero_state(params, 4))
    assert_close(arrays(m.states(torch.tensor(xs))), (hs, last.h), rtol=1e-12)
    for ridge, washout in [(0.0, 0), (0.1, 5)]:
        want = reservoir.fit(hs, ys, ridge, washout)
        m.fit(torch.tensor(xs), torch.tensor(ys), ridge, washout)
        assert_close(arrays((m.readout.weight, m.readout.bias)), tuple(want), rtol=1e-9)
    turned = copy.deepcopy(m)
    turned.batch_first = True
    turned.fit(torch.tensor(xs).transpose(0, 1), torch.tensor(ys).transpose(0, 1), 0.1, 5)
    torch.testing.assert_close(turned.readout.weight, m.readout.weight)
    torch.testing.assert_close(m(torch.tensor(xs))[0], m.readout(torch.tensor(hs)))
    n = torch.tensor([50, 3, 20, 1])
    cut, end = m.states(torch.tensor(xs), lengths=n)
    np.testing.assert_allclose(end[2], hs[19, 2], rtol=1e-12)
    assert (cut[3, 1] == 0).all()
    assert not any(name in dict(m.named_parameters()) for name in ("W_x", "W_h", "b"))
    assert set(m.state_dict()) == {"W_x", "W_h", "b", "readout.weight", "readout.bias"}
    with pytest.raises(ValueError, match="ridge: got -1, expected a number of at least 0"):
        nn_reservoir.fit(torch.zeros(3, 2, 2), torch.zeros(3, 2, 1), -1)
    with pytest.raises(ValueError, match="washout: got 3, expected from 0 to 2"):
        nn_reservoir.fit(torch.zeros(3, 2, 2), torch.zeros(3, 2, 1), 0.1, 3)


# Attention, labels, decoding.


@for_any_size
@given(SIZES, st.booleans(), st.booleans())
def test_attention(size, additive, masked):
    T, B, D, H, seed = size
    rng, N, K, V = np.random.default_rng(seed), 3, 4, 2
    H = H if additive else D
    given = tuple(rng.normal(size=s) for s in [(N, B, D), (T, B, H), (T, B, V)])
    mask = rng.random((N, B, T)) < 0.5
    mask[..., rng.integers(T)] = True
    mask = mask if masked else None
    params = attention.init(rng, D, H, K)
    ours = nn_attention.Params(*tensors(params))
    inputs, m = tensors(given), None if mask is None else torch.tensor(mask)
    if additive:
        ys, cache = attention.additive(params, *given, mask)
        got, weights = nn_attention.additive(ours, *inputs, m)
    else:
        ys, cache = attention.dot(*given, mask)
        got, weights = nn_attention.dot(*inputs, m)
    assert_close(arrays((got, weights)), (ys, cache.weights), rtol=1e-12)
    u = rng.normal(size=ys.shape)
    loss = (got * torch.tensor(u)).sum()
    if additive:
        dparams, *rest = attention.additive_backward(params, cache, u)
        assert_gradient_close(gradients(loss, (ours, inputs)), (dparams, tuple(rest)), rtol=1e-12)
    else:
        assert_gradient_close(gradients(loss, inputs), attention.dot_backward(cache, u), rtol=1e-12)


def test_attention_hides_what_is_past_the_end():
    torch.manual_seed(4)
    q, k, v = torch.randn(3, 2, 4), torch.randn(5, 2, 4), torch.randn(5, 2, 3)
    k[3:, 0] = v[3:, 0] = torch.nan
    m = Attention()
    ys, weights = m(q, k, v, lengths=torch.tensor([3, 5]))
    assert ys.isfinite().all() and (weights[:, 0, 3:] == 0).all()
    first, _ = m(q[:, :1], k[:3, :1], v[:3, :1])
    torch.testing.assert_close(ys[:, :1], first)
    turned = Attention(batch_first=True)
    a = [t.transpose(0, 1) for t in (q, k, v)]
    torch.testing.assert_close(turned(*a, lengths=torch.tensor([3, 5]))[0], ys.transpose(0, 1))
    with pytest.raises(ValueError, match="mask: got a query that may look nowhere"):
        m(q, k, v, mask=torch.zeros(2, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask: got shape \(4, 5\), expected one that fits"):
        m(q, k, v, mask=torch.ones(4, 5, dtype=torch.bool))
    assert repr(Attention("additive", 3, 4, 5)) == (
        "Attention('additive', query_size=3, key_size=4, hidden_size=5)"
    )


@for_any_size
@given(SIZES, st.booleans())
def test_crf(size, with_n):
    T, B, V, seed = *size[:2], size[2] + 1, size[4]
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    m = CRF(V, dtype=torch.float64)
    params = crf.Params(*arrays(tuple(m._params())))
    emissions, targets = rng.normal(size=(T, B, V)), rng.integers(V, size=(T, B))
    lengths = rng.integers(1, T + 1, B) if with_n else None
    n = None if lengths is None else torch.tensor(lengths)
    e = tensors(emissions)
    loss = m(e, torch.tensor(targets), lengths=n)
    value, dparams, demissions = crf.nll(params, emissions, targets, lengths)
    assert loss.item() == pytest.approx(value, rel=1e-12, abs=1e-12)
    got = gradients(loss, (tuple(m._params()), e))
    assert_gradient_close(got, (tuple(dparams), demissions), rtol=1e-12)
    labels, scores = m.decode(e, lengths=n)
    want, best = crf.viterbi(params, emissions, lengths)
    np.testing.assert_array_equal(labels, want)
    np.testing.assert_allclose(scores, best, rtol=1e-12)
    labels = crf.marginals(params, emissions, lengths)[0]
    np.testing.assert_allclose(m.marginals(e, lengths=n), labels, rtol=1e-10, atol=1e-14)
    m.batch_first = True
    back = m(e.transpose(0, 1), torch.tensor(targets).T, lengths=n)
    torch.testing.assert_close(back, loss)


def test_crf_refuses_labels_that_are_none():
    e, y = torch.zeros(4, 2, 3), torch.zeros(4, 2).long()
    y[3, 0] = 7
    CRF(3)(e, y, lengths=torch.tensor([3, 4]))  # past the end it is not read
    with pytest.raises(ValueError, match="targets: got 7, expected integers from 0 to 2"):
        CRF(3)(e, y)
    with pytest.raises(ValueError, match=r"targets: got shape \(2, 2\), expected \(4, 2\)"):
        nn_crf.nll(CRF(3)._params(), e, y[:2])


def test_decoding_is_the_references():
    rng = np.random.default_rng(5)
    E, W = rng.normal(size=(6, 4)), rng.normal(size=(4, 6)) * 2

    def step(symbols, state):
        state = np.tanh(0.5 * state + E[symbols])
        return state @ W, state

    def nn_step(symbols, state):
        state = torch.tanh(0.5 * state + torch.tensor(E)[symbols])
        return state @ torch.tensor(W), state

    start, state = np.array([0, 1, 2, 3]), rng.normal(size=(4, 4))
    want = decode.greedy(step, start, state, end=5, max_length=9)
    got = nn_decode.greedy(nn_step, torch.tensor(start), torch.tensor(state), end=5, max_length=9)
    assert_close(arrays(got), tuple(want), rtol=1e-12)
    many = torch.zeros(20000, dtype=torch.long), torch.tensor(state[:1]).expand(20000, 4)
    drawn, _, log_probs = nn_decode.sample(nn_step, *many, 5, 1, torch.Generator().manual_seed(1))
    share = torch.bincount(drawn[0], minlength=6) / 20000
    p = nn_step(*many)[0][0].softmax(0)
    torch.testing.assert_close(share.double(), p, rtol=0, atol=0.02)
    torch.testing.assert_close(log_probs.exp(), p[drawn[0]])
    with pytest.raises(ValueError, match="max_length: got 0, expected at least 1"):
        nn_decode.greedy(nn_step, torch.tensor(start), torch.tensor(state), 5, 0)
    with pytest.raises(ValueError, match="end: got 6, expected from 0 to V - 1 = 5"):
        nn_decode.greedy(nn_step, torch.tensor(start), torch.tensor(state), 6, 3)


def test_a_sequence_to_sequence_network_learns_to_reverse():
    torch.manual_seed(6)
    m = Seq2Seq(7, 7, 12, 24)
    optim, losses = torch.optim.Adam(m.parameters(), lr=1e-2), []
    for _ in range(150):
        words = torch.randint(2, 7, (4, 32))
        start = torch.zeros(1, 32, dtype=torch.long)
        right = torch.cat([words.flip(0), torch.ones(1, 32, dtype=torch.long)])
        logits = m(words, torch.cat([start, right[:-1]]))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), right.flatten())
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    words = torch.randint(2, 7, (4, 100))
    said, lengths, _ = m.generate(words, start=0, end=1, max_length=8)
    right = (lengths == 5) & (said[:4] == words.flip(0)).all(0)
    assert right.double().mean() > 0.9, losses[::30]


def test_padding_of_a_source_changes_nothing():
    torch.manual_seed(7)
    m = Seq2Seq(7, 7, 4, 5).double()
    source, target = torch.randint(7, (6, 3)), torch.randint(7, (4, 3))
    n = torch.tensor([6, 2, 4])
    logits = m(source, target, lengths=n)
    for b in range(3):
        alone = m(source[: n[b], b : b + 1], target[:, b : b + 1])
        torch.testing.assert_close(logits[:, b : b + 1], alone)


# Where training starts.


def test_init():
    b = np.random.default_rng(8).normal(size=12)
    np.testing.assert_array_equal(
        nn_init.forget_bias(torch.tensor(b), 2.0), init.forget_bias(b, 2.0)
    )
    Q = nn_init.orthogonal(torch.Generator().manual_seed(1), (5, 3))
    torch.testing.assert_close(Q.T @ Q, torch.eye(3, dtype=Q.dtype))
    got = nn_init.chrono(torch.Generator().manual_seed(1), torch.tensor(b), 40)
    assert (got[:3] == -got[3:6]).all() and (got[6:] == torch.tensor(b[6:])).all()
    assert (got[3:6] >= 0).all() and (got[3:6] <= np.log(39)).all()
    with pytest.raises(ValueError, match="T_max: got 1, expected at least 2 steps"):
        nn_init.chrono(None, torch.tensor(b), 1)


def test_min_gru_reads_far_without_overflow():
    torch.manual_seed(9)
    params = nn_min_gru.Params(torch.randn(10, 3), torch.full((10,), 4.0))
    hs, _ = nn.parallel.forward(
        nn_min_gru, params, torch.randn(2000, 1, 3), nn_min_gru.zero_state(params, 1)
    )
    assert hs.isfinite().all()
