"""RNN, LSTM and GRU of rnnlib.nn: torch's layers, and the reference's, with every option."""

import copy
import io
import itertools

import numpy as np
import pytest
import torch
from helpers import assert_close, assert_gradient_close
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnlib.check import dot, random_like
from rnnlib.nn import dropout as nn_dropout
from rnnlib.nn.modules import GRU, LSTM, RNN
from rnnlib.reference import (
    elman,
    elman_activation,
    gru,
    gru_cho,
    lstm,
    lstm_layer_norm,
    lstm_peephole,
    lstm_projected,
    stack,
    zoneout,
)
from rnnlib.reference.bidirectional import Bidirectional, Both
from rnnlib.reference.ops import leaves, tree_map
from rnnlib.reference.residual import Residual
from rnnlib.reference.stack import Recurrent, Stack

CUDA = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
)
each_layer = pytest.mark.parametrize("cls", [RNN, LSTM, GRU], ids=lambda cls: cls.__name__)
each_device = pytest.mark.parametrize("device", ["cpu", CUDA])
each_backend = pytest.mark.parametrize("backend", ["auto", "torch", "loop"])


class Kept:
    """A cell that keeps the mean of what zoneout keeps, as in evaluation."""

    def __init__(self, cell, rates):
        self.cell, self.rates = cell, rates
        self.init, self.zero_state = cell.init, cell.zero_state

    def step(self, params, x, state):
        keep = zoneout.expected(state, self.rates, 1)[0]
        both = np.concatenate([x, keep], axis=1)
        return zoneout.Zoneout(self.cell).step(zoneout.Params(params), both, state)

    def step_backward(self, params, cache, dstate):
        zoned = zoneout.Zoneout(self.cell)
        dparams, dx, dprev = zoned.step_backward(zoneout.Params(params), cache, dstate)
        return dparams.cell, dx[:, : -sum(a.shape[1] for a in leaves(dstate))], dprev


def cell_of(m):
    """The reference's cell for a module."""
    if isinstance(m, GRU):
        cell = gru_cho if m.reset_before else gru
    elif isinstance(m, RNN):
        cell = elman if m.nonlinearity == "tanh" else elman_activation.Elman(elman_activation.RELU)
    elif m.proj_size:
        cell = lstm_projected.ProjectedLSTM(m.proj_size)
    else:
        cell = lstm_layer_norm if m.layer_norm else lstm_peephole if m.peephole else lstm
    return Kept(cell, m.zoneout) if any(m.zoneout) else cell


def params_of(m, suffix):
    """Parameters of one layer and direction, as the reference has them, still tensors."""
    get = {
        name.removesuffix(suffix): p
        for name, p in m.named_parameters()
        if name.endswith(suffix) and (suffix.endswith("_reverse") or "reverse" not in name)
    }
    W_x, W_h = get["weight_ih"], get["weight_hh"]
    zero = W_h.new_zeros(len(W_h))
    b_x, b_h = get.get("bias_ih", zero), get.get("bias_hh", zero)
    if isinstance(m, GRU) and not m.reset_before:
        H = m.hidden_size
        b = torch.cat([(b_x + b_h)[: 2 * H], b_x[2 * H :]])
        return gru.Params(W_x, W_h, b, b_h[2 * H :])
    more = [
        get[n]
        for n in ("weight_hr", "gamma_x", "gamma_h", "gamma_c", "beta_c", "weight_c")
        if n in get
    ]
    kind = (
        gru_cho
        if isinstance(m, GRU)
        else elman
        if isinstance(m, RNN)
        else lstm_projected
        if m.proj_size
        else lstm_layer_norm
        if m.layer_norm
        else lstm_peephole
        if m.peephole
        else lstm
    )
    return kind.Params(W_x, W_h, b_x + b_h, *more)


def reference_of(m):
    """The reference's stack of layers for a module, and its parameters as tensors."""
    layers, params = [], []
    for k in range(m.num_layers):
        layer, p = Recurrent(cell_of(m)), params_of(m, f"_l{k}")
        if m.bidirectional:
            layer, p = Bidirectional(layer), Both(p, params_of(m, f"_l{k}_reverse"))
        layers.append(Residual(layer) if m.residual and k else layer)
        params.append(p)
    return Stack(tuple(layers)), tuple(params)


def rows_of(m, states, b):
    """States of one sequence in the reference's form, from torch's."""
    kind = lstm_projected.State if getattr(m, "proj_size", 0) else m._State
    kind = {"lstm": lstm.State, "elman": elman.State}.get(kind.__module__.split(".")[-1], kind)
    rows = iter(range(len(states[0])))
    one = [kind(*(s[j, b : b + 1] for s in states)) for j in rows]
    return tuple(
        Both(*one[2 * k : 2 * k + 2]) if m.bidirectional else one[k] for k in range(m.num_layers)
    )


def flat(m, state):
    """The reference's states as a list, one per layer and direction."""
    return [s for layer in state for s in (layer if m.bidirectional else [layer])]


def blend(m, zero, first, last, is_first, is_last):
    """The state that a segment starts from: given where the sequence starts, else zero."""

    def pick(z, f, back):
        return f if (is_last if back else is_first) else z

    if not m.bidirectional:
        return tuple(pick(z, f, False) for z, f in zip(zero, first, strict=True))
    return tuple(
        Both(pick(z.ahead, f.ahead, False), pick(z.back, f.back, True))
        for z, f in zip(zero, first, strict=True)
    )


def by_the_reference(m, x, states, lengths, resets, u, w):
    """Values and gradients of <u, ys> + <w, last>, each segment of each sequence run alone."""
    layer, params_t = reference_of(m)
    params = tree_map(lambda p: p.detach().numpy(), params_t)
    B = x.shape[1]
    ys, dx = np.zeros_like(u), np.zeros_like(x)
    last, dstates = [np.zeros_like(s) for s in states], [np.zeros_like(s) for s in states]
    dparams = tree_map(np.zeros_like, params)
    for b in range(B):
        n = lengths[b]
        cuts = sorted({0, n, *(t for t in range(n) if resets[t, b])})
        first, cotangent = rows_of(m, states, b), rows_of(m, w, b)
        zero = tree_map(np.zeros_like, first)
        for start, stop in itertools.pairwise(cuts):
            is_first, is_last = start == 0 and not resets[0, b], stop == n
            row = slice(start, stop), slice(b, b + 1)
            state = blend(m, zero, first, None, is_first, is_last)
            hs, end, cache = stack.forward(layer, params, x[row], state)
            dend = blend(m, zero, cotangent, None, is_last, start == 0)
            dp, dxs, dstate = stack.backward(layer, params, cache, u[row], dend)
            ys[row], dx[row] = hs, dxs
            dparams = tree_map(np.add, dparams, dp)
            backs = [m.bidirectional and j % 2 for j in range(len(flat(m, end)))]
            for j, back in enumerate(backs):
                for part, value in enumerate(flat(m, end)[j]):
                    if start == 0 if back else is_last:
                        last[part][j, b] = value[0]
                for part, value in enumerate(flat(m, dstate)[j]):
                    if is_last if back else is_first:
                        dstates[part][j, b] = value[0]
    weights = [p for p in m.parameters()]
    through = dot(params_t, tree_map(torch.tensor, dparams))
    grads = torch.autograd.grad(through, weights, allow_unused=True)
    return ys, last, dx, dstates, [g.numpy() for g in grads]


@st.composite
def modules(draw):
    """A module with options of every kind, in evaluation and in float64."""
    cls = draw(st.sampled_from([RNN, LSTM, GRU]))
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    options["residual"] = options["num_layers"] > 1 and draw(st.booleans())
    H = draw(st.integers(2, 5))
    if draw(st.booleans()):
        options["zoneout"] = 0.3 if cls is not LSTM else (0.1, 0.4)
    if cls is LSTM:
        kind = draw(st.sampled_from(["", "layer_norm", "peephole", "proj_size"]))
        options |= {kind: True} if kind in ("layer_norm", "peephole") else {}
        options |= {"proj_size": draw(st.integers(1, H - 1))} if kind == "proj_size" else {}
    if cls is GRU:
        options["reset_before"] = draw(st.booleans())
    if cls is RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    torch.manual_seed(draw(st.integers(0, 2**16)))
    m = cls(draw(st.integers(1, 4)), H, dtype=torch.float64, **options)
    for p in m.parameters():  # nothing at one or zero
        torch.nn.init.normal_(p, std=0.7)
    return m.eval()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(modules(), st.integers(1, 6), st.integers(1, 4), st.booleans(), st.booleans(), st.data())
def test_every_option_is_the_reference_forward_and_backward(m, T, B, with_n, with_r, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    lengths = rng.integers(1, T + 1, B) if with_n else np.full(B, T)
    resets = rng.random((T, B)) < 0.3 if with_r else np.zeros((T, B), bool)
    n = m.num_layers * (1 + m.bidirectional)
    x, states = (
        rng.normal(size=(T, B, m.input_size)),
        [rng.normal(size=(n, B, size)) for size in m._sizes()],
    )
    u = rng.normal(size=(T, B, m._sizes()[0] * (1 + m.bidirectional)))
    w = [random_like(rng, s) for s in states]
    rounding = 1 + np.finfo(float).eps * rng.choice([-1, 1], x.shape)
    want, rounded = (
        by_the_reference(m, a, states, lengths, resets, u, w) for a in (x, x * rounding)
    )

    x_t, s_t = (
        tree_map(lambda a: torch.tensor(a, requires_grad=True), a) for a in (x, tuple(states))
    )
    m.batch_first = data.draw(st.booleans())

    def turned(a):
        return a.transpose(0, 1) if m.batch_first else a

    ys, last = m(
        turned(x_t),
        s_t if len(s_t) > 1 else s_t[0],
        lengths=torch.tensor(lengths) if with_n else None,
        resets=turned(torch.tensor(resets)) if with_r else None,
    )
    last = last if isinstance(last, tuple) else (last,)
    loss = dot((turned(ys), last), tree_map(torch.tensor, (u, tuple(w))))
    grads = torch.autograd.grad(loss, [x_t, *s_t, *m.parameters()], allow_unused=True)
    got = [
        np.zeros(p.shape) if g is None else g.numpy()
        for g, p in zip(grads, [x_t, *s_t, *m.parameters()], strict=True)
    ]
    values = turned(ys).detach().numpy(), tuple(s.detach().numpy() for s in last)
    assert_close(values, (want[0], tuple(want[1])), rtol=1e-12)
    there, near = ((one[2], *one[3], *one[4]) for one in (want, rounded))
    assert_gradient_close(tuple(got), there, 1e-12, near)


@each_device
@each_layer
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_with_its_options_off_a_layer_is_torchs(
    cls, num_layers, bidirectional, batch_first, bias, device
):
    options = {k: v for k, v in locals().items() if k != "cls"}
    torch.manual_seed(1)
    theirs = cls._TORCH(3, 5, **options)
    torch.manual_seed(1)
    ours = cls(3, 5, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)
    x = torch.randn(7, 4, 3, device=device)
    state = tree_map(lambda s: torch.randn_like(s), theirs(x)[1])
    for run in (lambda m: m(x), lambda m: m(x, state)):
        for m in (ours, theirs):
            m.zero_grad()
            ys, last = run(m)
            (ys.square().sum() + sum(s.square().sum() for s in last)).backward()
        torch.testing.assert_close(run(ours), run(theirs), rtol=0, atol=0)
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, rtol=0, atol=0)


PACKED = [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True, "bias": False}]


@each_device
@each_layer
@each_backend
@pytest.mark.parametrize("options", PACKED, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_lengths_do_what_packed_sequences_of_torch_do(cls, backend, options, dtype, device):
    torch.manual_seed(2)
    theirs = cls._TORCH(3, 37, **options, dtype=dtype, device=device)
    ours = cls.from_torch(theirs, backend=backend)
    lengths, B, T = torch.tensor([5, 9, 1, 9, 3]), 5, 9
    x = torch.randn((B, T, 3) if ours.batch_first else (T, B, 3), dtype=dtype, device=device)
    state = tree_map(torch.randn_like, theirs(x)[1])
    found = []
    for m in (ours, theirs):
        if m is ours:
            ys, last = m(x, state, lengths=lengths.to(device))
        else:
            packed = pack_padded_sequence(x, lengths, m.batch_first, enforce_sorted=False)
            ys, last = m(packed, state)
            ys, _ = pad_packed_sequence(ys, m.batch_first, total_length=T)
        (ys.sin().sum() + sum(s.cos().sum() for s in last)).backward()
        found.append((ys, last, *(p.grad for p in m.parameters())))
    rtol = 1e-12 if dtype == torch.float64 else 2e-5
    torch.testing.assert_close(*found, rtol=rtol, atol=rtol)


@each_backend
def test_what_stands_past_the_end_is_not_read(backend):
    torch.manual_seed(3)
    m = LSTM(3, 5, num_layers=2, bidirectional=True, backend=backend)
    x, lengths = torch.randn(6, 3, 3), torch.tensor([2, 6, 4])
    past = torch.arange(6)[:, None] >= lengths
    found = []
    for value in (0.0, torch.nan, torch.inf):
        m.zero_grad()
        x_v = torch.where(past[..., None], value, x).requires_grad_()
        ys, last = m(x_v, lengths=lengths)
        assert (ys[past] == 0).all()
        (ys.sum() + sum(s.sum() for s in last)).backward()
        assert (x_v.grad[past] == 0).all()
        found.append((ys, last, *(p.grad.clone() for p in m.parameters())))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)
    torch.testing.assert_close(found[2], found[0], rtol=0, atol=0)


@each_layer
def test_nothing_crosses_a_reset(cls):
    torch.manual_seed(4)
    m = cls(3, 5, bidirectional=True)
    x = torch.randn(7, 2, 3, requires_grad=True)
    resets = torch.zeros(7, 2, dtype=torch.bool)
    resets[4, 0] = True
    ys, _ = m(x, resets=resets)
    (dx,) = torch.autograd.grad(ys[:4, 0].sum(), x, retain_graph=True)
    assert (dx[4:] == 0).all() and (dx[:4, 0] != 0).all()
    (dx,) = torch.autograd.grad(ys[4:, 0].sum(), x, retain_graph=True)
    assert (dx[:4] == 0).all() and (dx[4:, 0] != 0).all()
    (dx,) = torch.autograd.grad(ys[4:, 1].sum(), x)
    assert (dx[:, 1] != 0).all()


@each_layer
def test_a_reset_past_the_end_is_not_read(cls):
    torch.manual_seed(4)
    m, x, lengths = cls(3, 5, bidirectional=True), torch.randn(4, 2, 3), torch.tensor([2, 4])
    state, resets = tree_map(torch.randn_like, m(x)[1]), torch.zeros(4, 2, dtype=torch.bool)
    want = m(x, state, lengths=lengths, resets=resets)
    resets[2, 0] = True
    torch.testing.assert_close(m(x, state, lengths=lengths, resets=resets), want)


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: RNN(2, 3, **k),
        lambda **k: LSTM(2, 3, bidirectional=True, **k),
        lambda **k: LSTM(2, 3, layer_norm=True, zoneout=0.2, **k),
        lambda **k: LSTM(2, 3, peephole=True, **k),
        lambda **k: GRU(2, 3, **k),
    ],
)
def test_the_loop_differentiates_twice(make):
    torch.manual_seed(5)
    m = make(backend="loop", dtype=torch.float64).eval()
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    lengths, resets = torch.tensor([3, 2]), torch.tensor([[False, True], [False] * 2, [True] * 2])
    names = [name for name, _ in m.named_parameters()][:2]

    def run(x, *weights):
        given = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(m, given, (x,), {"lengths": lengths, "resets": resets})[0]

    arguments = x, *(m.get_parameter(n) for n in names)
    assert torch.autograd.gradcheck(run, arguments)
    assert torch.autograd.gradgradcheck(run, arguments)


@pytest.mark.parametrize("cls", [LSTM, GRU])
def test_torch_compile_takes_a_layer_whole(cls):
    torch.manual_seed(6)
    own = {"layer_norm": True, "zoneout": 0.2} if cls is LSTM else {"bidirectional": True}
    m = cls(3, 5, **own).eval()
    x, lengths = torch.randn(2, 2, 3), torch.tensor([2, 1])
    resets = torch.tensor([[False, True], [True, False]])
    compiled = torch.compile(m, fullgraph=True, backend="aot_eager")
    found = []
    for f in (m, compiled):
        m.zero_grad()
        ys, last = f(x, lengths=lengths, resets=resets)
        ys.square().sum().backward()
        found.append((ys, last, *(p.grad.clone() for p in m.parameters())))
    torch.testing.assert_close(*found)


def test_torch_compile_takes_a_plain_layer_whole_and_runs_the_loop():
    m, x = LSTM(3, 5), torch.randn(3, 2, 3)
    compiled = torch.compile(m, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), m(x))


@each_layer
@each_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("lengths", [None, [2, 5, 1]])
def test_the_backends_agree_in_every_dtype(cls, dtype, lengths, device):
    torch.manual_seed(7)
    m = cls(3, 5, num_layers=2, bidirectional=True, dtype=dtype, device=device)
    x = torch.randn(5, 3, 3, dtype=dtype, device=device)
    n = None if lengths is None else torch.tensor(lengths, device=device)
    with torch.no_grad():
        found = []
        for m.backend in ("torch", "loop"):
            found.append(m(x, lengths=n))
    assert {s.dtype for s in leaves(found[1])} == {dtype}
    tolerance = 3e-2 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(*found, rtol=tolerance, atol=tolerance)


def test_autocast_takes_care_of_dtypes():
    m, x = LSTM(3, 5, layer_norm=True), torch.randn(4, 2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ys, _ = m(x)
    torch.testing.assert_close(ys.float(), m(x)[0], rtol=0.1, atol=0.05)


@each_layer
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_sequence_may_come_without_a_batch(cls, batch_first):
    theirs = cls._TORCH(3, 5, num_layers=2, batch_first=batch_first)
    ours, x = cls.from_torch(theirs), torch.randn(4, 3)
    torch.testing.assert_close(ours(x), theirs(x))
    state = theirs(x)[1]
    torch.testing.assert_close(ours(x, state), theirs(x, state))


# What is drawn in training.


@each_layer
def test_in_training_one_mask_serves_all_steps(cls):
    m = cls(3, 5, recurrent_dropout=0.4, dtype=torch.float64)
    x = torch.randn(6, 4, 3, dtype=torch.float64)
    torch.manual_seed(8)
    got = m(x)[0]
    torch.manual_seed(8)
    mask = nn_dropout.each_sequence(None, 0.4, 4, 5, torch.float64)
    assert set(mask.unique().tolist()) == {0.0, 1 / 0.6}
    h, rows = torch.zeros(1, 4, 5, dtype=torch.float64), []
    plain, rest = m.to_torch(), [h] if cls is LSTM else []
    for x_t in x:  # torch's own layer, step by step, its state masked by hand
        state = (h * mask, *rest) if cls is LSTM else h * mask
        y, state = plain(x_t[None], state)
        h, *rest = state if cls is LSTM else (state,)
        rows.append(y[0])
    torch.testing.assert_close(got, torch.stack(rows), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(m.eval()(x), plain.eval()(x), rtol=0, atol=0)


@each_layer
def test_in_training_weight_drop_drops_recurrent_weights(cls):
    m = cls(3, 5, num_layers=2, weight_drop=0.4, dtype=torch.float64)
    x = torch.randn(6, 4, 3, dtype=torch.float64)
    torch.manual_seed(9)
    got = m(x)
    plain = m.to_torch()
    torch.manual_seed(9)
    for name in ("weight_hh_l0", "weight_hh_l1"):
        W = getattr(plain, name)
        W.data *= nn_dropout.mask(torch.rand(W.shape, dtype=W.dtype), 0.4)
        assert (W == 0).any()
    torch.testing.assert_close(got, plain(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(m.eval()(x), m.to_torch()(x), rtol=0, atol=0)


@each_layer
@pytest.mark.parametrize("backend", ["auto", "loop"])
@pytest.mark.parametrize("option", ["recurrent_dropout", "weight_drop"])
def test_in_evaluation_nothing_is_dropped_whoever_runs_it(cls, backend, option):
    m = cls(3, 5, backend=backend, **{option: 0.5}).eval()
    plain, x, lengths = cls.from_torch(m.to_torch()), torch.randn(4, 2, 3), torch.tensor([4, 2])
    torch.testing.assert_close(m(x, lengths=lengths), plain(x, lengths=lengths))


def test_in_training_zoneout_keeps_whole_units():
    m = LSTM(3, 50, zoneout=(0.3, 0.6), dtype=torch.float64)
    x = torch.randn(1, 4, 3, dtype=torch.float64)
    state = tuple(torch.randn(2, 1, 4, 50, dtype=torch.float64))
    _, after = m(x, state)
    kept = [(a == s).double().mean().item() for a, s in zip(after, state, strict=True)]
    assert kept == pytest.approx([0.3, 0.6], abs=0.1)
    _, plain = LSTM(3, 50, dtype=torch.float64)(x, state)
    assert not any((a == s).any() for a, s in zip(plain, state, strict=True))


def test_dropout_between_layers_leaves_the_way_past_whole():
    m = GRU(4, 4, num_layers=2, dropout=1.0, residual=True, bias=False)
    x = torch.randn(5, 2, 4)
    below = GRU(4, 4, bias=False)
    below.load_state_dict({k: v for k, v in m.state_dict().items() if k.endswith("l0")})
    torch.testing.assert_close(m(x)[0], below(x)[0])  # the second layer read zeros and said zero


# Where training starts.


@each_layer
def test_orthogonal_makes_every_block_orthogonal(cls):
    m = cls(3, 6, num_layers=2, bidirectional=True, init="orthogonal", dtype=torch.float64)
    for name, W in m.named_parameters():
        if name.startswith("weight_hh"):
            for block in W.split(6):
                torch.testing.assert_close(block @ block.T, torch.eye(6).double())


def test_the_forget_bias_is_what_the_two_biases_add_up_to():
    m = LSTM(3, 5, num_layers=2, forget_bias=2.5, bidirectional=True)
    m.reset_parameters()
    for suffix in ("l0", "l1", "l0_reverse", "l1_reverse"):
        b = getattr(m, f"bias_ih_{suffix}") + getattr(m, f"bias_hh_{suffix}")
        assert (b[5:10] == 2.5).all() and (b[:5] != 2.5).all() and (b[10:] != 2.5).all()


def test_chrono_spreads_memories_up_to_its_time():
    m = LSTM(3, 400, init="chrono", chrono_t_max=50)
    b_i, b_f, _, _ = (m.bias_ih_l0 + m.bias_hh_l0).chunk(4)
    assert (b_i == -b_f).all()
    u = b_f.exp()
    assert 1 <= u.min() < 2 and 48 < u.max() <= 49.001


# What moves.


@each_layer
def test_weights_move_to_torch_and_back(cls):
    options = {"num_layers": 2, "bidirectional": True, "bias": False, "batch_first": True}
    options |= {"nonlinearity": "relu"} if cls is RNN else {}
    theirs = cls._TORCH(3, 5, **options, dtype=torch.float64).eval()
    ours = cls.from_torch(theirs)
    assert not ours.training
    back, x = ours.to_torch(), torch.randn(2, 4, 3, dtype=torch.float64)
    assert type(back) is cls._TORCH and not back.training and cls(3, 5).to_torch().training
    torch.testing.assert_close(back(x), theirs(x), rtol=0, atol=0)
    assert back.weight_hh_l0.data_ptr() != theirs.weight_hh_l0.data_ptr()


def test_from_torch_takes_options_too():
    theirs = torch.nn.LSTM(3, 5)
    ours = LSTM.from_torch(theirs, layer_norm=True, zoneout=0.1)
    assert ours.layer_norm and ours.zoneout == (0.1, 0.1)
    torch.testing.assert_close(ours.weight_ih_l0, theirs.weight_ih_l0)


def test_another_class_is_refused():
    with pytest.raises(ValueError, match=r"module: got GRU, expected torch\.nn\.LSTM"):
        LSTM.from_torch(torch.nn.GRU(3, 5))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: LSTM(3, 5, layer_norm=True), "layer_norm"),
        (lambda: LSTM(3, 5, peephole=True), "peephole"),
        (lambda: GRU(3, 5, zoneout=0.1), "zoneout"),
        (lambda: GRU(3, 5, reset_before=True), "reset_before"),
        (lambda: RNN(3, 5, num_layers=2, residual=True), "residual"),
    ],
)
def test_what_torch_cannot_do_does_not_move_there(make, name):
    with pytest.raises(ValueError, match=rf"^{name}: torch\.nn\.\w+ has no such option"):
        make().to_torch()


FULL = {"num_layers": 2, "bidirectional": True, "zoneout": 0.1, "residual": True}


@each_layer
def test_copies_checkpoints_and_functional_calls(cls):
    m = cls(3, 5, **FULL, **({"layer_norm": True} if cls is LSTM else {})).eval()
    x, file = torch.randn(4, 2, 3), io.BytesIO()
    want = m(x)
    torch.save(m.state_dict(), file)
    file.seek(0)
    fresh = copy.deepcopy(m)
    fresh.reset_parameters()
    assert not torch.equal(fresh(x)[0], want[0])
    fresh.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(fresh(x), want, rtol=0, atol=0)
    torch.testing.assert_close(copy.deepcopy(m)(x), want, rtol=0, atol=0)
    fresh.reset_parameters()
    called = torch.func.functional_call(fresh, m.state_dict(), (x,))
    torch.testing.assert_close(called, want, rtol=0, atol=0)


@each_layer
def test_a_functional_call_of_a_plain_layer_takes_the_weights_that_it_is_given(cls):
    m, x = cls(3, 5), torch.randn(4, 2, 3)
    zeros = {name: torch.zeros_like(p) for name, p in m.named_parameters()}
    ys, _ = torch.func.functional_call(m, zeros, (x,))
    assert (ys == 0).all() and (m(x)[0] != 0).any()


def test_the_repr_says_what_is_on():
    m = LSTM(3, 5, num_layers=2, zoneout=(0.1, 0.0), residual=True, forget_bias=1.0)
    said = "LSTM(3, 5, num_layers=2, zoneout=(0.1, 0.0), residual=True, forget_bias=1.0)"
    assert repr(m) == said
    assert repr(GRU(3, 5)) == "GRU(3, 5)"
    assert repr(GRU(3, 5, backend="loop", reset_before=True)) == (
        "GRU(3, 5, backend='loop', reset_before=True)"
    )


@pytest.mark.parametrize("cls", [LSTM, GRU])
@pytest.mark.parametrize("T", [1, 6])
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of torch, in its own exporter
def test_onnx_takes_a_plain_layer(cls, T, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    m, x = cls(3, 5, num_layers=2, bidirectional=True).eval(), torch.randn(T, 2, 3)
    file = tmp_path / "layer.onnx"
    torch.onnx.export(m, (x,), file, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(file)
    got = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    for g, w in zip(got, leaves(tuple(m(x))), strict=True):
        np.testing.assert_allclose(g, w.detach().numpy(), rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_onnx_takes_a_projection_from_the_loop(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    m, x = LSTM(3, 5, proj_size=2, backend="loop").eval(), torch.randn(4, 2, 3)
    torch.onnx.export(m, (x,), tmp_path / "a.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    got, *_ = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(got, m(x)[0].detach().numpy(), rtol=0, atol=1e-5)


# What is refused.


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: LSTM(3, 5, zoneout=1.0), "zoneout: got 1.0, expected a number from 0 to below 1"),
        (lambda: LSTM(3, 5, zoneout=(0.1,)), "zoneout: got (0.1,), expected one rate, or 2"),
        (lambda: GRU(3, 5, zoneout=(0.1, 0.1)), "zoneout: got (0.1, 0.1), expected one rate, or 1"),
        (lambda: GRU(3, 5, recurrent_dropout=-0.1), "recurrent_dropout: got -0.1, expected"),
        (lambda: GRU(3, 5, weight_drop=1), "weight_drop: got 1, expected a number"),
        (lambda: GRU(3, 5, residual=True), "residual: got True with num_layers=1"),
        (lambda: GRU(3, 5, init="chrono"), "init: got 'chrono', expected one of"),
        (lambda: LSTM(3, 5, init="zeros"), "init: got 'zeros', expected one of"),
        (lambda: LSTM(3, 5, init="chrono"), "chrono_t_max: got None, expected it with init"),
        (lambda: LSTM(3, 5, chrono_t_max=9), "chrono_t_max: got 9, expected it with init"),
        (
            lambda: LSTM(3, 5, init="chrono", chrono_t_max=1),
            "chrono_t_max: got 1, expected a finite number, at least 2",
        ),
        (lambda: LSTM(3, 5, init="chrono", chrono_t_max="9"), "chrono_t_max: got '9', expected a"),
        (lambda: LSTM(3, 5, forget_bias=True), "forget_bias: got True, expected a finite number"),
        (lambda: LSTM(3, 5, forget_bias=torch.nan), "forget_bias: got nan, expected a finite"),
        (lambda: LSTM(3, 5, zoneout=[0.1, None]), "zoneout: got None, expected a number from 0"),
        (lambda: GRU(3, 5, weight_drop="0.5"), "weight_drop: got '0.5', expected a number from 0"),
        (
            lambda: LSTM(3, 5, init="chrono", chrono_t_max=9, forget_bias=1.0),
            'forget_bias: got 1.0 with init="chrono"',
        ),
        (lambda: LSTM(3, 5, bias=False, forget_bias=1.0), "bias: got False with a start"),
        (lambda: LSTM(3, 5, layer_norm=True, peephole=True), "peephole: got it with layer_norm"),
        (lambda: LSTM(3, 5, proj_size=2, peephole=True), "proj_size: got it with peephole"),
        (lambda: RNN(3, 5, nonlinearity="sigmoid"), "nonlinearity: got 'sigmoid', expected one"),
        (lambda: GRU(3, 5, backend="cuda"), "backend: got 'cuda', expected one of"),
        (lambda: GRU(3, 5, backend="torch", zoneout=0.1), 'backend: got "torch" with zoneout'),
        (lambda: LSTM(3, 0), "hidden_size must be greater than zero"),
    ],
)
def test_bad_options_are_refused(make, says):
    with pytest.raises(ValueError) as error:
        make()
    assert says in str(error.value)


N, R = torch.tensor([2, 4]), torch.zeros(4, 2, dtype=torch.bool)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"input": [1.0]}, "input: got list, expected a dense tensor"),
        (
            {"input": torch.zeros(4, 2, 3).to_sparse()},
            "input: got a tensor of layout torch.sparse_coo",
        ),
        ({"input": torch.zeros(4, 2, 7)}, "input: got shape (4, 2, 7), expected (T, B, 3)"),
        ({"input": torch.zeros(0, 2, 3)}, "input: got shape (0, 2, 3), expected (T, B, 3)"),
        ({"input": torch.zeros(4, 0, 3)}, "input: got shape (4, 0, 3), expected (T, B, 3)"),
        ({"input": torch.zeros(1, 4, 2, 3)}, "input: got shape (1, 4, 2, 3), expected (T, B, 3)"),
        (
            {"input": torch.zeros(4, 2, 3).double()},
            "input: got dtype torch.float64, expected torch.float32",
        ),
        (
            {"input": torch.zeros(4, 2, 3).long()},
            "input: got dtype torch.int64, expected torch.float32",
        ),
        ({"input": torch.zeros(4, 2, 3, device="meta")}, "input: got device meta, expected cpu"),
        (
            {"hx": torch.zeros(1, 2, 5)},
            "hx: got Tensor, expected 2 tensors, [(1, 2, 5), (1, 2, 5)]",
        ),
        ({"hx": (torch.zeros(1, 2, 5),) * 3}, "hx: got 3 of them, expected 2 tensors"),
        ({"hx": (torch.zeros(1, 3, 5),) * 2}, "hx: got (1, 3, 5), expected shape (1, 2, 5)"),
        ({"hx": (torch.zeros(1, 2, 5).double(),) * 2}, "hx: got dtype torch.float64"),
        ({"input": torch.zeros(4, 3), "hx": "h"}, "hx: got str, expected 2 tensors"),
        (
            {"input": torch.zeros(4, 3), "hx": (None, None)},
            "hx: got NoneType, expected shape (1, 5)",
        ),
        (
            {"input": torch.zeros(4, 3), "hx": (torch.zeros(1, 1, 5),) * 2},
            "hx: got (1, 1, 5), expected shape (1, 5)",
        ),
        ({"lengths": N.to(torch.uint16)}, "lengths: got dtype torch.uint16, expected integer"),
        ({"lengths": [2, 4]}, "lengths: got list, expected a tensor"),
        ({"lengths": N.double()}, "lengths: got dtype torch.float64, expected integer"),
        ({"lengths": N > 0}, "lengths: got dtype torch.bool, expected integer"),
        ({"lengths": N[:1]}, "lengths: got shape (1,), expected (2,)"),
        ({"lengths": torch.tensor([0, 4])}, "lengths: got 0, expected integers from 1 to 4"),
        ({"lengths": torch.tensor([2, 5])}, "lengths: got 5, expected integers from 1 to 4"),
        ({"lengths": N.to("meta")}, "lengths: got device meta, expected cpu"),
        ({"resets": R.float()}, "resets: got dtype torch.float32, expected bool"),
        ({"resets": R.T}, "resets: got shape (2, 4), expected (4, 2)"),
        ({"resets": R.to("meta")}, "resets: got device meta, expected cpu"),
        ({"resets": True}, "resets: got bool, expected a tensor"),
        (
            {"input": torch.zeros(4, 3), "lengths": N},
            "lengths: got some with input of shape (4, 3)",
        ),
        ({"backend": "torch", "resets": R}, 'backend: got "torch" with an option'),
    ],
)
def test_bad_arguments_are_refused(given, says):
    m = LSTM(3, 5, backend=given.pop("backend", "auto"))
    with pytest.raises(ValueError) as error:
        m(**{"input": torch.zeros(4, 2, 3)} | given)
    assert says in str(error.value)


def test_a_packed_sequence_is_told_of_lengths():
    packed = pack_padded_sequence(torch.zeros(4, 2, 3), [4, 2])
    with pytest.raises(
        ValueError, match="input: got PackedSequence, expected a dense tensor, with lengths="
    ):
        LSTM(3, 5)(packed)


def test_an_option_of_another_layer_is_refused_by_the_names_of_ones_own():
    says = r"GRU\(\) got an unexpected option 'layer_norm', expected one of reset_before, zoneout, "
    with pytest.raises(TypeError, match=says):
        GRU(3, 5, layer_norm=True)


@each_layer
def test_a_call_by_torchs_names_is_a_call(cls):
    theirs = cls._TORCH(3, 5)
    ours, x = cls.from_torch(theirs), torch.randn(4, 2, 3)
    hx = tree_map(torch.randn_like, theirs(x)[1])
    torch.testing.assert_close(ours(input=x, hx=hx), theirs(input=x, hx=hx), rtol=0, atol=0)


@each_layer
@pytest.mark.parametrize("backend", ["auto", "loop"])
@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
def test_a_map_over_sequences_lengths_and_resets_is_a_batch(cls, backend):
    m, x, lengths = cls(3, 5, backend=backend), torch.randn(4, 3, 3), torch.tensor([4, 1, 2])
    resets = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=torch.bool)

    def one(x, n, r):
        return m(x[:, None], lengths=n[None], resets=r[:, None])[0][:, 0]

    mapped = torch.func.vmap(one, (1, 0, 1), 1)(x, lengths, resets)
    torch.testing.assert_close(mapped, m(x, lengths=lengths, resets=resets)[0])


def test_a_map_over_weights_runs_many_layers_at_once():
    layers = [LSTM(3, 5, layer_norm=True) for _ in range(3)]
    x, (params, _) = torch.randn(4, 2, 3), torch.func.stack_module_state(layers)
    run = torch.func.vmap(lambda p: torch.func.functional_call(layers[0], p, (x,))[0])
    torch.testing.assert_close(run(params), torch.stack([m(x)[0] for m in layers]))


def test_batch_first_turns_lengths_and_resets_too():
    m = GRU(3, 5, batch_first=True)
    with pytest.raises(ValueError, match=r"resets: got shape \(4, 2\), expected \(2, 4\)"):
        m(torch.zeros(2, 4, 3), resets=R)
    with pytest.raises(ValueError, match="lengths: got 5, expected integers from 1 to 4"):
        m(torch.zeros(2, 4, 3), lengths=torch.tensor([5, 1]))
