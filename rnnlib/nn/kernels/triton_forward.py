r"""A recurrence forward in Triton: the loop of :func:`rnnlib.nn.kernels.plain.forward`.

A program has ``BB`` sequences and ``BH`` units. If it is given the products ``u`` with the
recurrent weights it runs one step, and others make the products in between. If not, it has all
units of its sequences, keeps the weights on its processor, and runs all steps::

    h, c ← 0  if r = 1                                               (recur-reset)
    x = m ∘ h,  u = W_h x                                            (recur-read)
    h̃, c̃ = cell(a, u, x, c)                                          (recur-cell)
    h' = k_h ∘ h + (1 - k_h) ∘ h̃,  c' = k_c ∘ c + (1 - k_c) ∘ c̃      (recur-keep)
    h', c' are what they were before  if t > n                       (recur-ended)

What is given as None is left out when the kernel is compiled. ``NUMBER`` is what is computed in.
"""

from rnnlib.nn.kernels.language import jit, tl
from rnnlib.nn.kernels.triton_cells import gru, lstm, normal_gates, tanh, vector


@jit
def columns(
    W_h: tl.tensor, gate: tl.constexpr, cols: tl.tensor, H: tl.tensor, NEEDED: tl.constexpr
) -> tl.tensor:
    """One gate's block of ``W_hᵀ``, for all units; zero where it is not needed."""
    if NEEDED:
        here = (cols < H)[:, None] & (cols < H)[None, :]
        return tl.load(W_h + (gate * H + cols[None, :]) * H + cols[:, None], here, 0)
    else:
        return 0.0


@jit
def part(
    x: tl.tensor,
    W: tl.tensor,
    u: tl.tensor,
    at: tl.tensor,
    here: tl.tensor,
    fresh: tl.tensor,
    PRECISION: tl.constexpr,
    NUMBER: tl.constexpr,
) -> tl.tensor:
    """One gate's part of ``W_h x``, made here or given; nothing comes from a state set to zero."""
    if u is None:
        return tl.dot(x.to(W.dtype), W, input_precision=PRECISION).to(NUMBER)  # (recur-read)
    else:
        return tl.where(fresh, 0, tl.load(u + at, here, 0).to(NUMBER))


@jit
def run(
    a: tl.tensor,  # (T, B, GH)
    W_h: tl.tensor,  # (GH, H)
    own: tl.tensor,  # (K, H)
    h_0: tl.tensor,  # (B, H)
    c_0: tl.tensor,  # (B, M)
    keep: tl.tensor,  # (T, B, H + M)
    on: tl.tensor,  # (T, B)
    resets: tl.tensor,  # (T, B)
    mask: tl.tensor,  # (B, H)
    u: tl.tensor,  # (B, GH), for one step
    hs: tl.tensor,  # (T, B, H), written, as all that follows
    gates: tl.tensor,  # (T, G, B, H)
    us: tl.tensor,  # (T, B, U)
    cs: tl.tensor,  # (T, B, M)
    h_last: tl.tensor,  # (B, H)
    c_last: tl.tensor,  # (B, M)
    x_last: tl.tensor,  # (B, H), what the next step reads, but for its reset
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
    """Run ``T`` steps of one tile; one step if ``u`` is given."""
    rows, cols = tl.program_id(0) * BB + tl.arange(0, BB), tl.program_id(1) * BH + tl.arange(0, BH)
    there, within = rows < B, cols < H
    here = there[:, None] & within[None, :]
    at, at_gates = rows[:, None] * H + cols[None, :], rows[:, None] * (G * H) + cols[None, :]
    MEMORY: tl.constexpr = c_0 is not None
    at_keep = rows[:, None] * (H * (1 + MEMORY)) + cols[None, :]
    W_0 = columns(W_h, 0, cols, H, u is None)
    W_1 = columns(W_h, 1, cols, H, u is None and G > 1)
    W_2 = columns(W_h, 2, cols, H, u is None and G > 1)
    W_3 = columns(W_h, 3, cols, H, u is None and G > 3)
    h = tl.load(h_0 + at, here, 0).to(NUMBER)
    c = h
    if MEMORY:
        c = tl.load(c_0 + at, here, 0).to(NUMBER)
    m = 1.0
    if mask is not None:
        m = tl.load(mask + at, here, 0).to(NUMBER)
    for _ in range(T):
        h_ended, c_ended = h, c
        fresh = tl.zeros([BB, 1], tl.int1)
        if resets is not None:
            fresh = (tl.load(resets + rows, there, 0) != 0)[:, None]
            h, c = tl.where(fresh, 0, h), tl.where(fresh, 0, c)  # (recur-reset)
            resets += B
        x = m * h
        a_0 = tl.load(a + at_gates, here, 0).to(NUMBER)
        u_0 = part(x, W_0, u, at_gates, here, fresh, PRECISION, NUMBER)
        if G > 1:
            a_1 = tl.load(a + at_gates + H, here, 0).to(NUMBER)
            a_2 = tl.load(a + at_gates + 2 * H, here, 0).to(NUMBER)
            u_1 = part(x, W_1, u, at_gates + H, here, fresh, PRECISION, NUMBER)
            u_2 = part(x, W_2, u, at_gates + 2 * H, here, fresh, PRECISION, NUMBER)
        if G > 3:
            a_3 = tl.load(a + at_gates + 3 * H, here, 0).to(NUMBER)
            u_3 = part(x, W_3, u, at_gates + 3 * H, here, fresh, PRECISION, NUMBER)
        if us is not None:
            tl.store(us + at_gates, u_0, here)
            tl.store(us + at_gates + H, u_1, here)
            tl.store(us + at_gates + 2 * H, u_2, here)
            if G > 3:
                tl.store(us + at_gates + 3 * H, u_3, here)
            us += B * G * H
        if CELL == "lstm_layer_norm":
            u_0, u_1, u_2, u_3, _ = normal_gates(u_0, u_1, u_2, u_3, within[None, :], 4 * H)
            u_0, u_1 = vector(own, 0, cols, H) * u_0, vector(own, 1, cols, H) * u_1
            u_2, u_3 = vector(own, 2, cols, H) * u_2, vector(own, 3, cols, H) * u_3
        if CELL == "tanh":
            g_0 = tanh(a_0 + u_0)
            h_new = g_0
        elif CELL == "relu":
            g_0 = tl.maximum(a_0 + u_0, 0)
            h_new = g_0
        elif CELL == "gru":
            g_0, g_1, g_2, h_new = gru(a_0 + u_0, a_1 + u_1, a_2, u_2, x, own, cols, H)
        else:
            g_0, g_1, g_2, g_3, c_new, h_new = lstm(
                a_0 + u_0, a_1 + u_1, a_2 + u_2, a_3 + u_3, c, own, cols, within[None, :], H, CELL
            )  # (recur-cell)
        if keep is not None:
            k_h = tl.load(keep + at_keep, here, 0).to(NUMBER)
            h_new = k_h * h + (1 - k_h) * h_new  # (recur-keep)
            if MEMORY:
                k_c = tl.load(keep + at_keep + H, here, 0).to(NUMBER)
                c_new = k_c * c + (1 - k_c) * c_new  # (recur-keep)
            keep += B * H * (1 + MEMORY)
        h = h_new.to(hs.dtype.element_ty).to(NUMBER)
        if MEMORY:
            c = c_new
        if on is not None:
            going = (tl.load(on + rows, there, 0) != 0)[:, None]
            tl.store(hs + at, tl.where(going, h, 0), here)
            h, c = tl.where(going, h, h_ended), tl.where(going, c, c_ended)  # (recur-ended)
            on += B
        else:
            tl.store(hs + at, h, here)
        if gates is not None:
            tl.store(gates + at, g_0, here)
            if G > 1:
                tl.store(gates + B * H + at, g_1, here)
                tl.store(gates + 2 * B * H + at, g_2, here)
            if G > 3:
                tl.store(gates + 3 * B * H + at, g_3, here)
            gates += G * B * H
        if cs is not None:
            tl.store(cs + at, c, here)
            cs += B * H
        a += B * G * H
        hs += B * H
    tl.store(h_last + at, h, here)
    if MEMORY:
        tl.store(c_last + at, c, here)
    if x_last is not None:
        tl.store(x_last + at, m * h, here)
