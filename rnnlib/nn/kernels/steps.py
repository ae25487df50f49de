r"""One step of each cell and its backward, from the preactivations on, in torch.

A step is given ``a``, what the inputs hand to the preactivations, ``u = W_h x``, and the state,
``x`` and ``c``. The equations are those of :mod:`rnnlib.nn.elman`, :mod:`rnnlib.nn.lstm`,
:mod:`rnnlib.nn.lstm_peephole`, :mod:`rnnlib.nn.lstm_layer_norm` and :mod:`rnnlib.nn.gru`, in one
form that the kernels share. Gates lie open, after their functions::

    φ:     h = φ(a + u)                                              (step-rnn)
    lstm:  i, f, g, o = σ(a_i + u_i), σ(a_f + u_f), tanh(a_g + u_g), σ(a_o + u_o)    (step-gates)
           c' = f ∘ c + i ∘ g                                        (step-memory)
           s = tanh(c'),  h = o ∘ s                                  (step-output)
    peephole adds  w_i ∘ c, w_f ∘ c, w_o ∘ c'  to a_i, a_f, a_o      (step-peephole)
    layer norm has  γ_h ∘ norm(u)  for u,  s = tanh(γ_c ∘ norm(c') + β_c)            (step-norm)
    gru:   r, z = σ(a_r + u_r), σ(a_z + u_z)                         (step-gru-gates)
           n = tanh(a_n + r ∘ (u_n + b_n))                           (step-gru-candidate)
           h = (1 - z) ∘ n + z ∘ x                                   (step-gru)

Their backwards are linear in ``dh`` and ``dc``; what these are multiplied by is known for all steps
before the first, and is what ``_slopes`` give::

    φ:     da = dh ∘ φ'                                              (dstep-rnn)
    lstm:  da_o = dh ∘ s ∘ o ∘ (1 - o)                               (dstep-open)
           dc' += dh ∘ o ∘ (1 - s²)                                  (dstep-output)
           da_i, da_f = dc' ∘ g ∘ i ∘ (1 - i), dc' ∘ c ∘ f ∘ (1 - f)  (dstep-gates)
           da_g, dc = dc' ∘ i ∘ (1 - g²), dc' ∘ f                    (dstep-memory)
    peephole:  dc' += w_o ∘ da_o,  dc += w_i ∘ da_i + w_f ∘ da_f     (dstep-peephole)
    layer norm, with x̂ of standard deviation σ:
           dx = (dx̂ - mean(dx̂) - x̂ mean(dx̂ ∘ x̂)) / σ                 (dstep-norm)
    gru:   da_n = dh ∘ (1 - z) ∘ (1 - n²)                            (dstep-gru-candidate)
           da_z = dh ∘ (x - n) ∘ z ∘ (1 - z)                         (dstep-gru-update)
           da_r = da_n ∘ (u_n + b_n) ∘ r ∘ (1 - r)                   (dstep-gru-reset)
           du_r, du_z, du_n = da_r, da_z, r ∘ da_n,  dx = z ∘ dh     (dstep-gru)
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from rnnlib.nn.kernels import cells
from rnnlib.nn.layer_norm import EPS, normalise

Forward = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, ...]]
Slope = tuple[Tensor, ...]  # over time, or of one step
Slopes = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Slope]
Back = Callable[[Slope, Tensor, Tensor, Tensor, "Written"], tuple[Tensor | None, Tensor]]


class Written(NamedTuple):
    """What the backward of a step writes; ``du`` is ``da`` if ``u`` is a summand."""

    da: Tensor  # (B, GH)
    du: Tensor  # (B, GH)
    dnorm: Tensor  # (B, N)


def tanh(a: Tensor, u: Tensor, own: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """Elman's step: ``h, c`` and the open gates."""
    h = (a + u).tanh()  # (step-rnn)
    return h, c, h


def relu(a: Tensor, u: Tensor, own: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """Elman's step with relu."""
    h = (a + u).relu()  # (step-rnn)
    return h, c, h


def lstm(a: Tensor, u: Tensor, own: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """The step of an LSTM."""
    a_i, a_f, a_g, a_o = (a + u).chunk(4, dim=1)
    i, f, g, o = a_i.sigmoid(), a_f.sigmoid(), a_g.tanh(), a_o.sigmoid()  # (step-gates)
    c = f * c + i * g  # (step-memory)
    return o * c.tanh(), c, i, f, g, o  # (step-output)


def lstm_peephole(a: Tensor, u: Tensor, own: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """The step of an LSTM whose gates see the memory."""
    w_i, w_f, w_o = own
    a_i, a_f, a_g, a_o = (a + u).chunk(4, dim=1)
    i, f, g = (a_i + w_i * c).sigmoid(), (a_f + w_f * c).sigmoid(), a_g.tanh()  # (step-peephole)
    c = f * c + i * g  # (step-memory)
    o = (a_o + w_o * c).sigmoid()  # (step-peephole)
    return o * c.tanh(), c, i, f, g, o  # (step-output)


def lstm_layer_norm(a: Tensor, u: Tensor, own: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """The step of a normalised LSTM."""
    u = layer_norm(u, u.shape[1:], own[:4].flatten(), eps=EPS)  # (step-norm)
    a_i, a_f, a_g, a_o = (a + u).chunk(4, dim=1)
    i, f, g, o = a_i.sigmoid(), a_f.sigmoid(), a_g.tanh(), a_o.sigmoid()  # (step-gates)
    c = f * c + i * g  # (step-memory)
    gamma_c, beta_c = own[4].to(c.dtype), own[5].to(c.dtype)
    s = layer_norm(c, c.shape[1:], gamma_c, beta_c, EPS).tanh()  # (step-norm)
    return o * s, c, i, f, g, o  # (step-output)


def gru(a: Tensor, u: Tensor, own: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """The step of a GRU."""
    (a_r, a_z, a_n), (u_r, u_z, u_n) = a.chunk(3, dim=1), u.chunk(3, dim=1)
    r, z = (a_r + u_r).sigmoid(), (a_z + u_z).sigmoid()  # (step-gru-gates)
    n = (a_n + r * (u_n + own[0])).tanh()  # (step-gru-candidate)
    return (1 - z) * n + z * x, c, r, z, n  # (step-gru)


# Backward: slopes over time from gates (T, G, B, H), us, own, xs and cs; then step by step.


def tanh_slopes(gates: Tensor, us: Tensor, own: Tensor, xs: Tensor, cs: Tensor) -> Slope:
    """Those of Elman's step."""
    return (1 - gates * gates,)  # (dstep-rnn)


def relu_slopes(gates: Tensor, us: Tensor, own: Tensor, xs: Tensor, cs: Tensor) -> Slope:
    """Those of Elman's step with relu."""
    return ((gates > 0).to(gates.dtype),)  # (dstep-rnn)


def lstm_slopes(gates: Tensor, us: Tensor, own: Tensor, xs: Tensor, cs: Tensor) -> Slope:
    """Those of an LSTM: of the gates, of ``c'`` by ``dh``, of ``c`` by ``dc'``."""
    i, f, g, o = gates.unbind(1)
    s = (f * cs + i * g).tanh()
    return _lstm_slopes(gates, cs, s), o * (1 - s * s), f  # (dstep-output)


def lstm_peephole_slopes(gates: Tensor, us: Tensor, own: Tensor, xs: Tensor, cs: Tensor) -> Slope:
    """Those of an LSTM whose gates see the memory."""
    of_gates, of_h, f = lstm_slopes(gates, us, own, xs, cs)
    w_i, w_f, w_o = own
    s_i, s_f, _, s_o = of_gates.unbind(1)
    return of_gates, of_h + w_o * s_o, f + w_i * s_i + w_f * s_f  # (dstep-peephole)


def lstm_layer_norm_slopes(gates: Tensor, us: Tensor, own: Tensor, xs: Tensor, cs: Tensor) -> Slope:
    """Those of a normalised LSTM, and what was normalised, each with its mean and ``1 / σ``."""
    (i, f, g, o), gamma_c, beta_c, us = gates.unbind(1), own[4], own[5], us.to(cs.dtype)
    after = f * cs + i * g
    c_hat, *of_c = torch.native_layer_norm(after, after.shape[-1:], None, None, EPS)
    _, *of_u = torch.native_layer_norm(us, us.shape[-1:], None, None, EPS)
    s = (gamma_c * c_hat + beta_c).tanh()
    of_h = o * (1 - s * s)  # (dstep-output)
    return _lstm_slopes(gates, cs, s), of_h, f, after, *of_c, us, *of_u


def gru_slopes(gates: Tensor, us: Tensor, own: Tensor, xs: Tensor, cs: Tensor) -> Slope:
    """Those of a GRU: of ``a``, of ``u`` and of ``x``."""
    (r, z, n), u_n = gates.unbind(1), us[..., 2 * xs.shape[-1] :]
    s_n = (1 - z) * (1 - n * n)  # (dstep-gru-candidate)
    s_z = (xs - n) * z * (1 - z)  # (dstep-gru-update)
    s_r = s_n * (u_n + own[0]) * r * (1 - r)  # (dstep-gru-reset)
    return torch.stack([s_r, s_z, s_n], 1), torch.stack([s_r, s_z, r * s_n], 1), z  # (dstep-gru)


def rnn_back(
    slope: Slope, own: Tensor, dh: Tensor, dc: Tensor, out: Written
) -> tuple[Tensor | None, Tensor]:
    """Elman's backward: ``dx``, but for what comes through the weights, and ``dc``."""
    out.da.copy_(dh * slope[0][0])
    return None, dc


def lstm_back(
    slope: Slope, own: Tensor, dh: Tensor, dc: Tensor, out: Written
) -> tuple[Tensor | None, Tensor]:
    """The backward of an LSTM, with peepholes or without."""
    of_gates, of_h, of_c = slope
    dc = torch.addcmul(dc, dh, of_h)
    _gates_back(of_gates, dh, dc, out.da)
    return None, dc * of_c


def lstm_layer_norm_back(
    slope: Slope, own: Tensor, dh: Tensor, dc: Tensor, out: Written
) -> tuple[Tensor | None, Tensor]:
    """The backward of a normalised LSTM; ``dnorm`` is the gradient of what tanh reads."""
    of_gates, of_h, of_c, *normal = slope
    of_memory, of_product = normal[:3], normal[3:]
    out.dnorm.copy_(dh * of_h)
    dc = dc + _normal_back(out.dnorm, own[4], *of_memory)
    _gates_back(of_gates, dh, dc, out.da)
    out.du.copy_(_normal_back(out.da, own[:4].flatten(), *of_product))
    return None, dc * of_c


def gru_back(
    slope: Slope, own: Tensor, dh: Tensor, dc: Tensor, out: Written
) -> tuple[Tensor | None, Tensor]:
    """The backward of a GRU."""
    of_a, of_u, z = slope
    _by_gate(out.da, dh).copy_(of_a * dh)
    _by_gate(out.du, dh).copy_(of_u * dh)
    return z * dh, dc


def _lstm_slopes(gates: Tensor, cs: Tensor, s: Tensor) -> Tensor:
    """What ``da`` is of ``dc'``, and for the last gate of ``dh``, ``(T, 4, B, H)``."""
    i, f, g, o = gates.unbind(1)
    s_i, s_f = g * i * (1 - i), cs * f * (1 - f)  # (dstep-gates)
    s_g = i * (1 - g * g)  # (dstep-memory)
    s_o = s * o * (1 - o)  # (dstep-open)
    return torch.stack([s_i, s_f, s_g, s_o], 1)


def _gates_back(of_gates: Tensor, dh: Tensor, dc: Tensor, da: Tensor) -> None:
    """Write ``da`` of an LSTM."""
    view = _by_gate(da, dh)
    view[:3].copy_(of_gates[:3] * dc)
    view[3].copy_(of_gates[3] * dh)


def _by_gate(da: Tensor, dh: Tensor) -> Tensor:
    """A view of ``(B, GH)`` as ``(G, B, H)``."""
    return da.view(len(dh), -1, dh.shape[1]).transpose(0, 1)


def _normal_back(dy: Tensor, gamma: Tensor, x: Tensor, mean: Tensor, rate: Tensor) -> Tensor:
    """From the gradient of ``γ ∘ x̂`` to that of ``x``."""
    given = dy.to(x.dtype), x, x.shape[-1:], mean, rate, gamma.to(x.dtype), None
    dx: Tensor = torch.ops.aten.native_layer_norm_backward(*given, [True, False, False])[0]
    return dx  # (dstep-norm)


def peephole_weights(gates: Tensor, us: Tensor, cs: Tensor, slopes: cells.Slopes) -> Tensor:
    """Gradients of the peepholes, ``(3, H)``, over all steps."""
    (i, f, g, _), (da_i, da_f, _, da_o) = gates.unbind(1), slopes.da.chunk(4, dim=-1)
    seen = zip((da_i, da_f, da_o), (cs, cs, f * cs + i * g), strict=True)
    return torch.stack([(da * c).sum((0, 1)) for da, c in seen])


def layer_norm_weights(gates: Tensor, us: Tensor, cs: Tensor, slopes: cells.Slopes) -> Tensor:
    """Gradients of the scales and the shift, ``(6, H)``, over all steps."""
    i, f, g, _ = gates.unbind(1)
    of_h = (slopes.da * normalise(us)).sum((0, 1)).view(4, -1)
    of_c = (slopes.dnorms * normalise(f * cs + i * g)).sum((0, 1))
    return torch.cat([of_h, of_c[None], slopes.dnorms.sum((0, 1))[None]])


def gru_weights(gates: Tensor, us: Tensor, cs: Tensor, slopes: cells.Slopes) -> Tensor:
    """Gradient of ``b_n``, ``(1, H)``, over all steps."""
    return slopes.du.chunk(3, dim=-1)[2].sum((0, 1))[None]


FORWARD: dict[str, Forward] = {
    f.__name__: f for f in (tanh, relu, lstm, lstm_peephole, lstm_layer_norm, gru)
}
BACKWARD: dict[str, tuple[Slopes, Back]] = {
    "tanh": (tanh_slopes, rnn_back),
    "relu": (relu_slopes, rnn_back),
    "lstm": (lstm_slopes, lstm_back),
    "lstm_peephole": (lstm_peephole_slopes, lstm_back),
    "lstm_layer_norm": (lstm_layer_norm_slopes, lstm_layer_norm_back),
    "gru": (gru_slopes, gru_back),
}
OWN = {
    "lstm_peephole": peephole_weights,
    "lstm_layer_norm": layer_norm_weights,
    "gru": gru_weights,
}
