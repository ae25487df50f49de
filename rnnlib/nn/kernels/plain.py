r"""The recurrences that kernels run, as a loop of torch: what the kernels compute, step by step.

One step, with ``a`` what the inputs gave, ``r`` where the state is set to zero, ``m`` a mask of
what is read, ``k`` the share that is kept, and the step of the cell in ``cell``::

    h, c ← 0  if r = 1                                               (recur-reset)
    x = m ∘ h,  u = W_h x                                            (recur-read)
    h̃, c̃ = cell(a, u, x, c)                                          (recur-cell)
    h' = k_h ∘ h + (1 - k_h) ∘ h̃,  c' = k_c ∘ c + (1 - k_c) ∘ c̃      (recur-keep)
    h', c' are what they were before  if t > n                       (recur-ended)

The forward makes no tensor in place, so autograd goes through it, and through that again. The
backward goes through the steps upward; ``dx`` of a cell is what its gates hand to ``x`` directly::

    dh' += what step t handed out                                    (drecur-out)
    dh̃ = (1 - k_h) ∘ dh',  dc̃ = (1 - k_c) ∘ dc'                      (drecur-keep)
    da, du, dx, dc = cell backward(dh̃, dc̃)                           (drecur-cell)
    dx += W_hᵀ du                                                    (drecur-read)
    dh = k_h ∘ dh' + m ∘ dx,  dc += k_c ∘ dc'                        (drecur-state)
    dh, dc ← 0  if r = 1                                             (drecur-reset)
    dh̃, dc̃ ← 0,  and dh, dc are dh', dc' as they came  if t > n      (drecur-ended)

The weights wait until the loop is over: one product for all steps, with no atomic sums, so that
the same call gives the same bits::

    dW_h = Σ_t du_t x_tᵀ                                             (drecur-weights)
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from rnnlib.nn import ragged
from rnnlib.nn.kernels import steps
from rnnlib.nn.kernels.cells import FORMS, Inputs, Read, Saved, Slopes

CACHED = 2**18  # numbers of a tensor that a processor still has when it reads them again


def forward(cell: str, given: Inputs, save: bool = True) -> tuple[Tensor, Tensor, Saved]:
    """Run a recurrence.

    Parameters
    ----------
    cell : str
        A name in ``FORMS``.
    given : Inputs
        The recurrence.
    save : bool
        Is there to be a backward?

    Returns
    -------
    h, c : Tensor
        The state of every sequence after its own last input, ``(B, H)`` and ``(B, M)``.
    saved : Saved
        Its ``hs`` are what the steps hand out, zero past the end of a sequence; the rest is empty
        unless ``save``.
    """
    a, W_h, own, h, c, keep, mask, lengths, resets = given
    form, step, (T, (B, H)) = FORMS[cell], steps.FORWARD[cell], (len(a), h.shape)
    on = None if lengths is None else ragged.valid(lengths, T)
    hs, gates, us, cs = [], [], [], []
    for t in range(T):
        ended = h, c
        if resets is not None:
            h, c = (torch.where(resets[t, :, None], 0, s) for s in (h, c))  # (recur-reset)
        x = h if mask is None else mask * h
        u = x @ W_h.T  # (recur-read)
        h_new, c_new, *opened = step(a[t], u, own, x, c)  # (recur-cell)
        if keep is not None:
            k_h, k_c = keep[t, :, :H], keep[t, :, H:]
            h_new, c_new = k_h * h + (1 - k_h) * h_new, k_c * c + (1 - k_c) * c_new  # (recur-keep)
        h_new = h_new.to(h.dtype)
        hs.append(h_new)
        h, c = h_new, c_new
        if on is not None:
            h, c = torch.where(on[t], h, ended[0]), torch.where(on[t], c, ended[1])  # (recur-ended)
        if save:
            gates += opened
            us.append(u if form.product else u[:, :0])
            cs.append(c)
    out = ragged.pad(torch.stack(hs), lengths)
    if not save:
        return h, c, Saved(out, a.new_empty(0), a.new_empty(0), c.new_empty(0))
    all_gates = torch.stack(gates).view(T, form.gates, B, H).to(a.dtype)
    return h, c, Saved(out, all_gates, torch.stack(us), torch.stack(cs))


def backward(cell: str, given: Inputs, saved: Saved, read: Read, douts: Sequence[Tensor]) -> Slopes:
    """Carry gradients upward, from the outputs and the last state to the preactivations.

    Parameters
    ----------
    cell : str
        A name in ``FORMS``.
    given : Inputs
        The recurrence.
    saved : Saved
        What the forward saved.
    read : Read
        What :func:`read_of` gives.
    douts : sequence of Tensor
        Gradients of what the steps hand out, ``(T, B, H)``, and of the last ``h`` and ``c``.

    Returns
    -------
    Slopes
        Gradients of the preactivations and of the first state.
    """
    keep, mask, lengths, resets = given[5:]
    form, (slopes, step), dhs = FORMS[cell], steps.BACKWARD[cell], ragged.pad(douts[0], lengths)
    (T, B, H), dh, dc = dhs.shape, douts[1].to(given.c.dtype), douts[2]
    on = None if lengths is None else ragged.valid(lengths, T)
    chunk = max(1, CACHED // (B * H))
    da, dnorms = torch.empty_like(given.a), dc.new_empty(T, B, H * form.norm)
    du = torch.empty_like(da) if form.product else da
    for t in reversed(range(T)):
        k = t % chunk
        if k == chunk - 1 or t == T - 1:  # the slopes of some steps are made at once
            gates, us, xs, cs = (s[t - k : t + 1] for s in (saved.gates, saved.us, *read))
            of = slopes(gates, us, given.own, xs, cs)
        dh = dh_new = dh + dhs[t]  # (drecur-out)
        ended, dc_new = (dh, dc), dc
        if keep is not None:
            k_h, k_c = keep[t, :, :H], keep[t, :, H:]
            dh_new, dc_new = (1 - k_h) * dh, (1 - k_c) * dc  # (drecur-keep)
        if on is not None:
            dh_new, dc_new = (torch.where(on[t], s, 0) for s in (dh_new, dc_new))  # (drecur-ended)
        out = steps.Written(da[t], du[t], dnorms[t])
        dx, dc_t = step(tuple(s[k] for s in of), given.own, dh_new, dc_new, out)  # (drecur-cell)
        through = du[t] @ given.W_h  # (drecur-read)
        dx = through if dx is None else dx + through
        dx = dx if mask is None else mask * dx
        dh, dc = (dx, dc_t) if keep is None else (k_h * dh + dx, k_c * dc + dc_t)  # (drecur-state)
        if resets is not None:
            dh, dc = (torch.where(resets[t, :, None], 0, s) for s in (dh, dc))  # (drecur-reset)
        if on is not None:
            dh, dc = torch.where(on[t], dh, ended[0]), torch.where(on[t], dc, ended[1])
    return Slopes(da, du, dnorms, dh.to(dhs.dtype), dc)


def read_of(given: Inputs, saved: Saved) -> Read:
    """What the steps read of the state, all at once."""
    xs, cs = torch.cat([given.h[None], saved.hs[:-1]]), torch.cat([given.c[None], saved.cs[:-1]])
    if given.resets is not None:
        xs, cs = (torch.where(given.resets[..., None], 0, s) for s in (xs, cs))
    return Read(xs if given.mask is None else given.mask * xs, cs)


def weights(
    cell: str, given: Inputs, saved: Saved, read: Read, slopes: Slopes
) -> tuple[Tensor, Tensor]:
    """Gradients of what all steps share: ``dW_h`` and ``down``, that of the cell's own vectors."""
    dW_h = slopes.du.flatten(0, 1).T @ read.xs.flatten(0, 1)  # (drecur-weights)
    own = steps.OWN.get(cell)
    down = own(saved.gates, saved.us, read.cs, slopes) if own else torch.zeros_like(given.own)
    return dW_h, down.to(given.own.dtype)
