"""What NumPy computes for the explorables, in cases that are compared with the browser's."""

import base64
from typing import Any

import numpy as np
from unrolled.explorable_data import WEIGHTS, char_weights

from rnnlib import characters
from rnnlib.experiments.gradient_norms import LINEAR
from rnnlib.reference import bptt, cliff, elman, lstm, optim
from rnnlib.reference.elman_activation import RELU, Elman
from rnnlib.reference.ops import zeros_like


def float32(data: dict[str, Any]) -> dict[str, Any]:
    """Data as a page carries it, where NumPy can see it."""
    arrays = {k: v.astype("f4").astype("f8") for k, v in data.items() if isinstance(v, np.ndarray)}
    return data | arrays


def gradient_through_time(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Log norms of the adjoint for some settings, by the reference's recursion."""
    cells, found = {"none": LINEAR, "tanh": elman, "ReLU": Elman(RELU)}, []
    for radius, activation, T in [(0.5, "tanh", 5), (1.0, "tanh", 60), (1.5, "tanh", 100)] + [
        (1.2, name, 40) for name in cells
    ]:
        cell, last = cells[activation], elman.State(data["last"])
        params = elman.Params(data["W_x"][:, None], radius * data["Q"], data["b"])
        zero = elman.zero_state(params, len(last.h))
        hs, _, caches = bptt.forward(cell, params, data["xs"][:T, :, None], zero)
        walk = bptt.steps_backward(cell, params, caches, zeros_like(hs), last)
        norms = [np.linalg.norm(d.h, axis=-1) for d in (last, *(step[2] for step in walk))]
        logs = np.log(norms).mean(-1)
        settings = {"radius": radius, "activation": activation, "T": T}
        found.append({"settings": settings, "value": logs - logs[0]})
    return found


def lstm_cell(data: dict[str, Any]) -> list[dict[str, Any]]:
    """One step of random cells of several sizes, by the reference."""
    rng, found = np.random.default_rng(1), []
    for D, H in [(1, 1), (3, 2), (2, 5)]:
        params = lstm.Params(*(rng.normal(size=s) for s in [(4 * H, D), (4 * H, H), (4 * H,)]))
        x, prev = rng.normal(size=D), lstm.State(rng.normal(size=H), rng.normal(size=H))
        new, _ = lstm.step(params, x[None], lstm.State(prev.h[None], prev.c[None]))
        given = {"params": params._asdict(), "x": x, "prev": prev._asdict()}
        found.append(given | {"value": {"h": new.h[0], "c": new.c[0]}})
    return found


def char_model(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Logits after every character of a text, by the reference with the page's weights."""
    text = 'def f(x):\n    """Größe."""\n    return {"a": [x, 1], "b": None}\n'
    logits, _, cs, _ = characters.read(char_weights(), characters.encode(text)[:, None])
    symbols = characters.encode(text)
    packed = base64.b64encode(WEIGHTS["char-model"]()).decode("ascii")
    return [{"symbols": symbols, "value": logits[:, 0], "memory": cs[:, 0], "weights": packed}]


def clipping_cliff(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Loss and gradient all over the picture, and descents on it."""
    rng, T = np.random.default_rng(2), data["T"]
    w, b = rng.uniform(*data["w"], size=50), rng.uniform(*data["b"], size=50)
    loss, dw, db = cliff.loss_and_gradient(w, b, data["h_0"], data["y"], T)
    found = [
        {"point": [w[k], b[k]], "value": {"loss": loss[k], "gradient": [dw[k], db[k]]}}
        for k in range(50)
    ]
    for clip in (1.0, np.inf):
        path = [np.array(data["start"])]
        for _ in range(30):
            _, *slopes = cliff.loss_and_gradient(*path[-1], data["h_0"], data["y"], T)
            (g,), _ = optim.clip_by_global_norm((np.array(slopes),), max_norm=clip)
            path.append(path[-1] - 0.5 * g)
        found.append({"clip": None if clip == np.inf else clip, "lr": 0.5, "value": path})
    return found


def unroll_steps(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Values of the reference's walk there and back, by their names and equations."""
    W_x, W_h, b, xs, h_0, dhs = (np.array(data[k]) for k in "W_x W_h b xs h_0 dhs".split())
    params = elman.Params(W_x, W_h, b)
    hs, last, caches = bptt.forward(elman, params, xs[:, None], elman.State(h_0[None]))
    nothing = zeros_like(last)
    found = [("elman", f"h_{t}", hs[t - 1, 0]) for t in range(1, 5)]
    dparams, dxs, dstart = bptt.backward(elman, params, caches, dhs[:, None], nothing)
    found += [("elman-dparams", f"d{k}", v) for k, v in dparams._asdict().items()]
    found += [("elman-dinputs", f"dx_{t}", dxs[t - 1, 0]) for t in range(1, 5)]
    found += [("elman-dinputs", "to h_0", dstart.h[0])]
    walk = bptt.steps_backward(elman, params, caches, dhs[:, None], nothing)
    passed = {T: step[2].h[0] for T, step in zip(range(4, 0, -1), walk, strict=True)}
    found += [("adjoint", f"δ_{t}", dhs[t - 1] + passed[t + 1]) for t in range(1, 4)]
    return [{"label": label, "name": name, "value": value} for label, name, value in found]


NUMPY = {
    "char-model": char_model,
    "clipping-cliff": clipping_cliff,
    "gradient-through-time": gradient_through_time,
    "lstm-cell": lstm_cell,
    "unroll-steps": unroll_steps,
}
