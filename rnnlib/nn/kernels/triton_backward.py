r"""A recurrence backward in Triton: the loop of :func:`rnnlib.nn.kernels.plain.backward`.

Tiles are those of :mod:`rnnlib.nn.kernels.triton_forward`. If the kernel is given ``W_h`` it runs
all steps, upward, each with its own product. If not it runs one step; others make the product
``W_hᵀ du`` from what it hands out, and the launch for the step before reads it as ``through``::

    dh' += what step t handed out                                    (drecur-out)
    dh̃ = (1 - k_h) ∘ dh',  dc̃ = (1 - k_c) ∘ dc'                      (drecur-keep)
    da, du, dx, dc = cell backward(dh̃, dc̃)                           (drecur-cell)
    dx += W_hᵀ du                                                    (drecur-read)
    dh = k_h ∘ dh' + m ∘ dx,  dc += k_c ∘ dc'                        (drecur-state)
    dh, dc ← 0  if r = 1                                             (drecur-reset)
    dh̃, dc̃ ← 0,  and dh, dc are dh', dc' as they came  if t > n      (drecur-ended)
"""

from rnnlib.nn.kernels.language import jit, tl
from rnnlib.nn.kernels.triton_cells import gru_back, lstm_back, mean_of_gates, normal_gates, vector


@jit
def rows_of(
    W_h: tl.tensor, gate: tl.constexpr, cols: tl.tensor, H: tl.tensor, NEEDED: tl.constexpr
) -> tl.tensor:
    """One gate's block of ``W_h``, for all units; zero where it is not needed."""
    if NEEDED:
        here = (cols < H)[:, None] & (cols < H)[None, :]
        return tl.load(W_h + (gate * H + cols[:, None]) * H + cols[None, :], here, 0)
    else:
        return 0.0


@jit
def run(
    W_h: tl.tensor,  # (GH, H)
    own: tl.tensor,  # (K, H)
    mask: tl.tensor,  # (B, H)
    keep: tl.tensor,  # (T, B, H + M)
    on: tl.tensor,  # (T, B)
    resets: tl.tensor,  # (T, B)
    xs: tl.tensor,  # (T, B, H), what was read
    cs: tl.tensor,  # (T, B, M), what was read
    gates: tl.tensor,  # (T, G, B, H)
    us: tl.tensor,  # (T, B, U)
    dhs: tl.tensor,  # (T, B, H)
    dh_last: tl.tensor,  # (B, H)
    dc_last: tl.tensor,  # (B, M)
    through: tl.tensor,  # (B, H), of the step after
    fresh_after: tl.tensor,  # (B,), the resets of the step after
    da: tl.tensor,  # (T, B, GH), written, as all that follows
    du: tl.tensor,  # (T, B, U)
    dnorms: tl.tensor,  # (T, B, N)
    dh_first: tl.tensor,  # (B, H)
    dc_first: tl.tensor,  # (B, M)
    T: tl.tensor,
    B: tl.tensor,
    H: tl.tensor,
    CELL: tl.constexpr,
    G: tl.constexpr,
    PRECISION: tl.constexpr,
    NUMBER: tl.constexpr,
    BB: tl.constexpr,
    BH: tl.constexpr,
) -> None:
    """Run ``T`` steps of one tile, from the last up; one step without ``W_h``."""
    rows, cols = tl.program_id(0) * BB + tl.arange(0, BB), tl.program_id(1) * BH + tl.arange(0, BH)
    there, within = rows < B, cols < H
    here = there[:, None] & within[None, :]
    at, at_gates = rows[:, None] * H + cols[None, :], rows[:, None] * (G * H) + cols[None, :]
    MEMORY: tl.constexpr = cs is not None
    at_keep = rows[:, None] * (H * (1 + MEMORY)) + cols[None, :]
    W_0 = rows_of(W_h, 0, cols, H, W_h is not None)
    W_1 = rows_of(W_h, 1, cols, H, W_h is not None and G > 1)
    W_2 = rows_of(W_h, 2, cols, H, W_h is not None and G > 1)
    W_3 = rows_of(W_h, 3, cols, H, W_h is not None and G > 3)
    m = 1.0
    if mask is not None:
        m = tl.load(mask + at, here, 0).to(NUMBER)
    dh = tl.load(dh_last + at, here, 0).to(NUMBER)
    dc = tl.zeros([BB, BH], NUMBER)
    if MEMORY:
        dc = tl.load(dc_last + at, here, 0).to(NUMBER)
    if through is not None:
        came = m * tl.load(through + at, here, 0).to(NUMBER)
        if resets is not None:
            came = tl.where((tl.load(fresh_after + rows, there, 0) != 0)[:, None], 0, came)
        dh += came
    for back in range(T):
        t = (T - 1 - back).to(tl.int64)
        at_t, of_gates = t * B * H + at, gates + t * G * B * H + at
        going = here
        if on is not None:
            going = here & (tl.load(on + t * B + rows, there, 0) != 0)[:, None]
        dh += tl.load(dhs + at_t, going, 0).to(NUMBER)  # (drecur-out)
        dh_ended, dc_ended = dh, dc
        dh_new, dc_new = dh, dc
        if keep is not None:
            k_h = tl.load(keep + t * B * H * (1 + MEMORY) + at_keep, here, 0).to(NUMBER)
            dh_new, dh = (1 - k_h) * dh, k_h * dh  # (drecur-keep)
            if MEMORY:
                k_c = tl.load(keep + t * B * H * (1 + MEMORY) + at_keep + H, here, 0).to(NUMBER)
                dc_new, dc = (1 - k_c) * dc, k_c * dc  # (drecur-keep)
        else:
            dh, dc = tl.zeros([BB, BH], NUMBER), tl.zeros([BB, BH], NUMBER)
        if on is not None:
            dh_new = tl.where(going, dh_new, 0)  # (drecur-ended)
            dc_new = tl.where(going, dc_new, 0)
        g_0 = tl.load(of_gates, here, 0).to(NUMBER)
        if G > 1:
            g_1 = tl.load(of_gates + B * H, here, 0).to(NUMBER)
            g_2 = tl.load(of_gates + 2 * B * H, here, 0).to(NUMBER)
        if CELL == "tanh":
            d_0 = dh_new * (1 - g_0 * g_0)  # (dstep-rnn)
        elif CELL == "relu":
            d_0 = tl.where(g_0 > 0, dh_new, 0)  # (dstep-rnn)
        elif CELL == "gru":
            x = tl.load(xs + at_t, here, 0).to(NUMBER)
            u_n = tl.load(us + t * B * G * H + at_gates + 2 * H, here, 0).to(NUMBER)
            d_0, d_1, d_2, e_2, dx = gru_back(g_0, g_1, g_2, u_n, x, dh_new, own, cols, H)
            dh += m * dx
        else:
            g_3 = tl.load(of_gates + 3 * B * H, here, 0).to(NUMBER)
            c = tl.load(cs + at_t, here, 0).to(NUMBER)
            d_0, d_1, d_2, d_3, dc_in, dnorm = lstm_back(
                g_0, g_1, g_2, g_3, c, dh_new, dc_new, own, cols, within[None, :], H, CELL
            )  # (drecur-cell)
            dc += dc_in
        e_0 = d_0
        tl.store(da + t * B * G * H + at_gates, d_0, here)
        if G > 1:
            e_1 = d_1
            tl.store(da + t * B * G * H + at_gates + H, d_1, here)
            tl.store(da + t * B * G * H + at_gates + 2 * H, d_2, here)
        if G > 3:
            e_2, e_3 = d_2, d_3
            tl.store(da + t * B * G * H + at_gates + 3 * H, d_3, here)
        if CELL == "lstm_layer_norm":
            tl.store(dnorms + at_t, dnorm, here)
            of_u = us + t * B * G * H + at_gates
            n_0 = tl.load(of_u, here, 0).to(NUMBER)
            n_1 = tl.load(of_u + H, here, 0).to(NUMBER)
            n_2 = tl.load(of_u + 2 * H, here, 0).to(NUMBER)
            n_3 = tl.load(of_u + 3 * H, here, 0).to(NUMBER)
            n_0, n_1, n_2, n_3, rate = normal_gates(n_0, n_1, n_2, n_3, within[None, :], 4 * H)
            e_0, e_1 = vector(own, 0, cols, H) * e_0, vector(own, 1, cols, H) * e_1
            e_2, e_3 = vector(own, 2, cols, H) * e_2, vector(own, 3, cols, H) * e_3
            mean, along = mean_of_gates(e_0, e_1, e_2, e_3, n_0, n_1, n_2, n_3, 4 * H)
            e_0 = tl.where(here, (e_0 - mean - n_0 * along) * rate, 0)  # (dstep-norm)
            e_1 = tl.where(here, (e_1 - mean - n_1 * along) * rate, 0)
            e_2 = tl.where(here, (e_2 - mean - n_2 * along) * rate, 0)
            e_3 = tl.where(here, (e_3 - mean - n_3 * along) * rate, 0)
        if du is not None:
            tl.store(du + t * B * G * H + at_gates, e_0, here)
            tl.store(du + t * B * G * H + at_gates + H, e_1, here)
            tl.store(du + t * B * G * H + at_gates + 2 * H, e_2, here)
            if G > 3:
                tl.store(du + t * B * G * H + at_gates + 3 * H, e_3, here)
        if W_h is not None:  # (drecur-read)
            dx = tl.dot(e_0.to(W_0.dtype), W_0, input_precision=PRECISION).to(NUMBER)
            if G > 1:
                dx += tl.dot(e_1.to(W_1.dtype), W_1, input_precision=PRECISION).to(NUMBER)
                dx += tl.dot(e_2.to(W_2.dtype), W_2, input_precision=PRECISION).to(NUMBER)
            if G > 3:
                dx += tl.dot(e_3.to(W_3.dtype), W_3, input_precision=PRECISION).to(NUMBER)
            dh += m * dx  # (drecur-state)
        if resets is not None:
            fresh = (tl.load(resets + t * B + rows, there, 0) != 0)[:, None]
            dh, dc = tl.where(fresh, 0, dh), tl.where(fresh, 0, dc)  # (drecur-reset)
        if on is not None:
            dh, dc = tl.where(going, dh, dh_ended), tl.where(going, dc, dc_ended)
    tl.store(dh_first + at, dh, here)
    if MEMORY:
        tl.store(dc_first + at, dc, here)
