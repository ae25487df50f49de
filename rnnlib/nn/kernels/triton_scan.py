r"""Linear recurrences in Triton: chunks of time, each by an associative scan.

Forward, with the carry ``h`` from chunk to chunk; ``(A_i, B_i)`` are the prefixes of one chunk::

    p • q = (a_q ∘ a_p,  a_q ∘ b_p + b_q)                            (scan-compose)
    h_i = A_i ∘ h + B_i                                              (scan-carry)

Backward, from the gradients ``u_t`` of what forward gave; it is the same recurrence from the end,
so the same chunks run over ``T, T-1 ... 1``. For complex numbers ``a*`` is the conjugate, else
``a``; and ``a_{T+1} = 0``::

    g_t = a*_{t+1} ∘ g_{t+1} + u_t,   db_t = g_t                     (scan-adjoint)
    da_t = g_t ∘ h*_{t-1}                                            (scan-dfactor)

Nothing but the carry goes from one unit of the state to the next, so a program has ``BLOCK`` of
the ``N = B·H`` units and all of their time. Every number is read once and written once; sums
are in float32, or float64 where the numbers are. A factor that is the same at every step is read
once per unit, and its gradient is summed over time before it is written.
"""

from rnnlib.nn.kernels.language import jit, tl


@jit
def compose(a_p: tl.tensor, b_p: tl.tensor, a_q: tl.tensor, b_q: tl.tensor) -> tl.tensor:
    """The step that does ``p`` and then ``q``."""
    return a_q * a_p, a_q * b_p + b_q  # (scan-compose)


@jit
def compose_pairs(  # real and imaginary parts
    a_p: tl.tensor,
    ai_p: tl.tensor,
    b_p: tl.tensor,
    bi_p: tl.tensor,
    a_q: tl.tensor,
    ai_q: tl.tensor,
    b_q: tl.tensor,
    bi_q: tl.tensor,
) -> tl.tensor:
    """The same for complex numbers."""
    a, ai = a_q * a_p - ai_q * ai_p, a_q * ai_p + ai_q * a_p
    b, bi = a_q * b_p - ai_q * bi_p + b_q, a_q * bi_p + ai_q * b_p + bi_q  # (scan-compose)
    return a, ai, b, bi


@jit
def run(
    a: tl.tensor,
    ai: tl.tensor,
    b: tl.tensor,
    bi: tl.tensor,
    h: tl.tensor,
    hi: tl.tensor,
    PAIRS: tl.constexpr,
) -> tl.tensor:
    """States of a chunk ``(CHUNK, BLOCK)`` after the carry ``(BLOCK,)``."""
    if PAIRS:
        A, Ai, B, Bi = tl.associative_scan((a, ai, b, bi), 0, compose_pairs)
        now, now_i = A * h - Ai * hi + B, A * hi + Ai * h + Bi  # (scan-carry)
    else:
        A, B = tl.associative_scan((a, b), 0, compose)
        now, now_i = A * h + B, B  # (scan-carry); the second is not used
    return now, now_i


@jit
def last_row(h: tl.tensor, i: tl.tensor, CHUNK: tl.constexpr) -> tl.tensor:
    """The last of the rows ``i`` of a chunk."""
    return tl.sum(tl.where(i[:, None] == CHUNK - 1, h, 0.0), 0)


@jit
def forward(
    a: tl.tensor,  # (T, N), or (H,) if not STEPS; with PAIRS the imaginary part stands beside each
    ai: tl.tensor,
    b: tl.tensor,  # (T, N)
    bi: tl.tensor,
    h: tl.tensor,  # (N,)
    hi: tl.tensor,
    hs: tl.tensor,  # (T, N), written
    hsi: tl.tensor,
    T: tl.tensor,
    N: tl.tensor,
    H: tl.tensor,
    STEPS: tl.constexpr,
    PAIRS: tl.constexpr,
    NUMBER: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """All states of ``BLOCK`` units."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here, i = n < N, tl.arange(0, CHUNK)
    carry = tl.load(h + n, here, 0.0).to(NUMBER)
    carry_i = tl.load(hi + n, here, 0.0).to(NUMBER) if PAIRS else carry
    for start in tl.range(0, T, CHUNK):
        t = (start + i)[:, None].to(tl.int64)
        at, seen = t * N + n, (t < T) & here
        f = at if STEPS else (n % H)[None, :] + 0 * t
        a_t = tl.load(a + f, seen, 0.0).to(NUMBER)
        b_t = tl.load(b + at, seen, 0.0).to(NUMBER)
        ai_t = tl.load(ai + f, seen, 0.0).to(NUMBER) if PAIRS else a_t
        bi_t = tl.load(bi + at, seen, 0.0).to(NUMBER) if PAIRS else b_t
        now, now_i = run(a_t, ai_t, b_t, bi_t, carry, carry_i, PAIRS)
        tl.store(hs + at, now, seen)
        carry = last_row(now, i, CHUNK)
        if PAIRS:
            tl.store(hsi + at, now_i, seen)
            carry_i = last_row(now_i, i, CHUNK)


@jit
def backward(
    a: tl.tensor,  # as in forward
    ai: tl.tensor,
    h: tl.tensor,
    hi: tl.tensor,
    hs: tl.tensor,
    hsi: tl.tensor,
    u: tl.tensor,  # (T, N)
    ui: tl.tensor,
    da: tl.tensor,  # (T, N), or (N,) if not STEPS; written, as db
    dai: tl.tensor,
    db: tl.tensor,  # (T, N)
    dbi: tl.tensor,
    T: tl.tensor,
    N: tl.tensor,
    H: tl.tensor,
    STEPS: tl.constexpr,
    PAIRS: tl.constexpr,
    NUMBER: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Gradients of the factors and the summands of ``BLOCK`` units."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here, i = n < N, tl.arange(0, CHUNK)
    first = tl.load(h + n, here, 0.0).to(NUMBER)
    first_i = tl.load(hi + n, here, 0.0).to(NUMBER) if PAIRS else first
    carry = tl.zeros((BLOCK,), NUMBER)
    carry_i, total, total_i = carry, carry, carry
    for start in tl.range(0, T, CHUNK):
        t = (T - 1 - start - i)[:, None].to(tl.int64)
        at, seen = t * N + n, (t >= 0) & here
        later, earlier = (t + 1 < T) & seen, (t > 0) & here
        f = at + N if STEPS else (n % H)[None, :] + 0 * t
        a_t = tl.load(a + f, later, 0.0).to(NUMBER)
        u_t = tl.load(u + at, seen, 0.0).to(NUMBER)
        before = tl.where(t > 0, tl.load(hs + at - N, earlier, 0.0).to(NUMBER), first)
        ai_t = -tl.load(ai + f, later, 0.0).to(NUMBER) if PAIRS else a_t
        ui_t = tl.load(ui + at, seen, 0.0).to(NUMBER) if PAIRS else u_t
        g, gi = run(a_t, ai_t, u_t, ui_t, carry, carry_i, PAIRS)  # (scan-adjoint)
        tl.store(db + at, g, seen)
        carry, d = last_row(g, i, CHUNK), g * before  # (scan-dfactor)
        if PAIRS:
            tl.store(dbi + at, gi, seen)
            before_i = tl.where(t > 0, tl.load(hsi + at - N, earlier, 0.0).to(NUMBER), first_i)
            carry_i, d = last_row(gi, i, CHUNK), d + gi * before_i
            di = gi * before - g * before_i
        if STEPS:
            tl.store(da + at, d, seen)
            if PAIRS:
                tl.store(dai + at, di, seen)
        else:
            total += tl.sum(tl.where(t >= 0, d, 0.0), 0)
            if PAIRS:
                total_i += tl.sum(tl.where(t >= 0, di, 0.0), 0)
    if not STEPS:
        tl.store(da + n, total, here)
        if PAIRS:
            tl.store(dai + n, total_i, here)
