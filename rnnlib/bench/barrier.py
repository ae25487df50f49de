r"""What a step of a kernel that spans several processors costs before it computes anything.

``P`` programs run at once. In each step each of them writes its share of the state, tells the
others that it has, waits until all have, and reads the whole state. Two states take turns, so that
one barrier per step is enough: who writes the next state has seen that all have read the one
before the last::

    s_t[p] = s_{t-1}[p] + t                                          (share)
    wait until the counter is P t                                    (barrier)
    y_p ← y_p + Σ_q s_t[q]                                           (gather)

The sum is known, ``s_t = t (t + 1) / 2`` in every place, so the barrier is checked while it is
timed. Above 1.5 µs a step, a recurrence over several processors is not worth its code in Triton.
"""

from typing import Any

PROGRAMS = (16, 64, 128)  # P
SIZES = (1024, 12288, 65536)  # numbers in a state: B·H of 1·1024, 16·768 and 64·1024
STEPS = 64  # of the check: float32 holds the sums


def launch(T: int, P: int, size: int, gather: bool, device: Any) -> tuple[Any, float]:
    """Run T steps; the sums of the programs, and what each of them should be.

    Parameters
    ----------
    T, P : int
        Numbers of steps and of programs; more programs than processors would wait for ever.
    size : int
        Numbers in a state, at least P; rounded up so that every program has a power of two.
    gather : bool
        Does every program read the whole state?
    device : torch.device
        Where.

    Returns
    -------
    Tensor
        Sums, ``(P,)``.
    float
        T (T + 1) (T + 2) / 6 for every number of the state, or zero.
    """
    import torch

    from rnnlib.bench.triton_barrier import steps

    share = 1 << (max(size // P, 1) - 1).bit_length()
    states = torch.full((2, P * share), torch.nan, device=device)
    counter = torch.zeros(1, dtype=torch.int32, device=device)
    sums = torch.full((P,), torch.nan, device=device)
    more = {"launch_cooperative_grid": True} if states.is_cuda else {}
    steps[(P,)](states, counter, sums, T, P, GATHER=gather, SHARE=share, **more)
    return sums, gather * P * share * T * (T + 1) * (T + 2) / 6


def measure(clock: Any, device: Any, processors: int) -> list[dict[str, Any]]:
    """Microseconds of a step, for several numbers of programs and sizes of the state.

    Parameters
    ----------
    clock : callable
        Gives the milliseconds that a callable takes, as :class:`rnnlib.bench.gpu.Clock`.
    device : torch.device
        Where.
    processors : int
        How many the device has; no more programs are started.

    Returns
    -------
    list of dict
        ``P``, ``size``, ``gather`` and ``us``: by the difference of runs of 65 and 513 steps.

    Raises
    ------
    ValueError
        If a sum is wrong, so that a barrier let someone pass too early.
    """
    found = []
    for P in (P for P in PROGRAMS if P <= processors):
        for size in SIZES:
            for gather in (False, True):
                sums, want = launch(STEPS, P, size, gather, device)
                wrong = ((sums - want).abs() > 1e-5 * max(want, 1)).sum().item()
                if wrong or not sums.isfinite().all():
                    raise ValueError(f"barrier: {wrong} of {P} programs have a wrong sum")
                few, many = (
                    min(
                        clock(lambda T=T, P=P, s=size, g=gather: launch(T, P, s, g, device))
                        for _ in range(9)
                    )
                    for T in (65, 513)
                )
                us = round((many - few) / (513 - 65) * 1e3, 3)
                found.append({"P": P, "size": size, "gather": gather, "us": us})
    return found
