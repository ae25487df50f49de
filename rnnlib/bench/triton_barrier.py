r"""The steps of :mod:`rnnlib.bench.barrier` in Triton.

::

    s_t[p] = s_{t-1}[p] + t                                          (share)
    wait until the counter is P t                                    (barrier)
    y_p ← y_p + Σ_q s_t[q]                                           (gather)
"""

from rnnlib.nn.kernels.language import jit, tl


@jit
def steps(
    states: tl.tensor,  # (2, P·SHARE)
    counter: tl.tensor,  # (1,), zero
    sums: tl.tensor,  # (P,), written
    T: tl.tensor,
    P: tl.tensor,
    GATHER: tl.constexpr,
    SHARE: tl.constexpr,  # a power of two
) -> None:
    """T steps of one program."""
    p = tl.program_id(0)
    mine, total = p * SHARE + tl.arange(0, SHARE), tl.zeros((SHARE,), tl.float32)
    share = tl.zeros((SHARE,), tl.float32)
    for t in range(1, T + 1):
        now = states + (t % 2) * (P * SHARE)
        share += t  # (share)
        tl.store(now + mine, share)
        tl.debug_barrier()  # all threads have written
        tl.atomic_add(counter, 1, sem="release")
        while tl.atomic_add(counter, 0, sem="acquire") < P * t:  # (barrier)
            pass
        tl.debug_barrier()  # no thread reads before one has seen the counter
        if GATHER:
            for q in range(P):
                others = now + q * SHARE + tl.arange(0, SHARE)
                total += tl.load(others, cache_modifier=".cg")  # (gather): not from the L1
    tl.store(sums + p, tl.sum(total, 0))
