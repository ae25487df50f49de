"""Every result is that of an experiment that runs, and says how it was made."""

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from helpers import ROOT
from test_imports import run_with_numpy_alone
from torch.nn.functional import one_hot

from rnnlib import experiments, tasks
from rnnlib.experiments import __main__ as command
from rnnlib.experiments import _networks as networks
from rnnlib.experiments import _record, continual_reber, counting, lstm_ablation, reservoir

each = pytest.mark.parametrize("name", experiments.names())
# written by `python -m tests.attacks.compare`, `tests.scale.experiment` and `rnnlib.bench`
OTHERS = {
    "attacks",
    "context_speed",
    "grading_scale",
    "grading_speed",
    "growth_speed",
    "layers_speed",
    "numpy_speed",
    "scans_speed",
}
RESULTS = sorted({path.stem for path in experiments.RESULTS.glob("*.json")} - OTHERS)


def module_of(name):
    return importlib.import_module(f"rnnlib.experiments.{name}")


def result(name):
    """A result as it lies in the file."""
    return json.loads((experiments.RESULTS / f"{name}.json").read_text(encoding="utf-8"))


@cache
def quick_run(name):
    """A short run with one seed."""
    return _record.run(name, seeds=1, **module_of(name).QUICK)


@each
def test_every_experiment_runs_and_says_what_it_has_measured(name, tmp_path):
    quick = module_of(name).QUICK
    made = _record.run(name, seeds=2, **quick)
    assert made.settings.items() >= quick.items()
    path = _record.write(made, tmp_path)
    again = experiments.load(name, tmp_path)
    assert path == tmp_path / f"{name}.json"
    for key, rows in made.measured.items():
        assert len(rows) == 2
        np.testing.assert_allclose(again.measured[key], rows, rtol=1e-5)
    assert any((rows[0] != rows[1]).any() for rows in made.measured.values())
    for key, rows in quick_run(name).measured.items():  # the seed decides, and nothing else
        np.testing.assert_array_equal(rows[0], made.measured[key][0])


@each
def test_every_experiment_asks_predicts_and_measures(name):
    doc = module_of(name).__doc__
    question, *rest = doc.split("\n\n")
    assert question.strip().endswith("?")
    assert rest[0].startswith("Prediction")
    assert rest[1].startswith("Measured")
    words = " ".join(re.findall(r"``(.+?)``", doc))
    for key in quick_run(name).measured:
        assert any(part in words for part in {key, key.split("_")[-1]}), key
    settings = set(inspect.signature(module_of(name).measure).parameters) - {"seed"}
    assert settings >= module_of(name).QUICK.keys()


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_is_that_of_an_experiment_and_says_how_it_was_made(name):
    fields, size = result(name), (experiments.RESULTS / f"{name}.json").stat().st_size
    assert fields.keys() == set(experiments.Result._fields)
    assert fields["name"] == name
    assert name in experiments.names()
    seeds = fields["seeds"]
    assert fields["command"] == f"python -m rnnlib.experiments run {name} --seeds {len(seeds)}"
    assert seeds == list(range(len(seeds)))
    assert len(seeds) >= 3
    assert {"python", "numpy"} <= fields["versions"].keys()
    with_torch = {"_networks", "_dates", "_series", "torch"}
    assert ("torch" in fields["versions"]) == bool(imports(name) & with_torch)
    assert fields["machine"].keys() == {"cpu", "cores", "threads", "system"}
    assert fields["machine"]["threads"] == 1
    assert fields["seconds"] > 0
    assert size <= 50_000


def imports(name):
    """Names that an experiment imports."""
    tree = ast.parse((_record.PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module).partition(".")[0], *(alias.name for alias in node.names)}
    return found


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_of_the_present_experiment(name):
    fields, module = result(name), module_of(name)
    defaults = json.loads(json.dumps(_record._settings(module.measure)))
    assert fields["settings"] == defaults
    assert len(fields["seeds"]) == module.SEEDS
    assert experiments.load(name).measured.keys() == quick_run(name).measured.keys()
    for rows in experiments.load(name).measured.values():
        assert len(rows) == module.SEEDS


@each
def test_every_experiment_has_a_result(name):
    assert name in RESULTS


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^name: got 'love', expected one of \['"):
        experiments.load("love")
    with pytest.raises(ValueError, match=r"^name: got 'counting', which has no result yet"):
        experiments.load("counting", tmp_path)


def test_what_did_not_happen_is_null_in_the_file_and_nan_to_the_reader(tmp_path):
    made = experiments.Result(
        name="counting",
        command="c",
        seeds=[0],
        settings={"H": 1},
        versions={"python": "3"},
        machine={"cpu": "x"},
        seconds=1.0,
        measured={"solved": np.array([np.nan, 1 / 3, 12345678.0]), "none": np.array([[np.inf]])},
    )
    path = _record.write(made, tmp_path)
    measured = json.loads(path.read_text(encoding="utf-8"))["measured"]
    assert measured == {"solved": [None, 0.333333, 12345700.0], "none": [[None]]}
    again = experiments.load("counting", tmp_path)
    np.testing.assert_array_equal(again.measured["solved"], [np.nan, 0.333333, 12345700])
    assert again._replace(measured=made.measured) == made


def test_the_list_names_all_and_needs_no_torch(capsys):
    command.main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == experiments.names()
    assert all(line.endswith("?") for line in lines)
    code = "from rnnlib.experiments.__main__ import main; main(['list'])"
    done = run_with_numpy_alone(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == lines


def test_the_command_writes_the_result(tmp_path):
    arguments = ["-m", "rnnlib.experiments", "run", "gradient_norms", "--seeds", "1", "--out"]
    done = subprocess.run(
        [sys.executable, *arguments, str(tmp_path)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in command.THREADS},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    made = experiments.load("gradient_norms", tmp_path)
    assert made.command == "python -m rnnlib.experiments run gradient_norms --seeds 1"
    assert made.machine["threads"] == 1
    kept = experiments.load("gradient_norms")
    np.testing.assert_allclose(made.measured["tanh"][0], kept.measured["tanh"][0], atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "love"], "invalid choice: 'love'"),
        (["run", "counting", "--seeds", "0"], "--seeds: got 0, expected a positive integer"),
        ([], "required"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(arguments, says, capsys):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert says in capsys.readouterr().err


def test_a_gate_held_open_is_one_and_stays_one():
    module = networks.network(0, "LSTM", 8, 5, 4)
    networks.hold_gate_open(module.layer, "f")
    before = module.layer.weight_hh_l0.detach().clone()
    batches = networks.stream(0, lambda rng: networks.tensors(tasks.temporal_order(rng, 12, 4), 8))
    networks.teach(module, batches, 5, lambda m: 0.0, lr=0.1, every=5)
    xs, _, _ = next(batches)
    h = c = torch.zeros(4, 5)
    for x in xs:
        a = x @ module.layer.weight_ih_l0.T + h @ module.layer.weight_hh_l0.T
        i, _, g, o = (a + module.layer.bias_ih_l0 + module.layer.bias_hh_l0).chunk(4, 1)
        c = c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    torch.testing.assert_close(module.layer(xs)[0][-1], h)
    rows = networks.gate_rows(module.layer, "f")
    assert rows.tolist() == [5, 6, 7, 8, 9]
    assert not module.layer.weight_hh_l0[rows].any()
    assert (module.layer.weight_hh_l0 != before).any()


def test_a_gate_s_bias_is_the_sum_of_two():
    module = networks.open_forget_gate(networks.network(0, "LSTM", 3, 5, 4))
    bias = (module.layer.bias_ih_l0 + module.layer.bias_hh_l0).detach().reshape(4, 5)
    assert (bias[1] == 1).all()
    assert not (bias[[0, 2, 3]] == 1).any()


def test_the_full_variant_is_torch_s_lstm():
    torch.manual_seed(0)
    ours, theirs = lstm_ablation.Variant("full", 3, 5), torch.nn.LSTM(3, 5)
    for name, value in {"ih": ours.W_x, "hh": ours.W_h}.items():
        networks.weights(theirs, f"weight_{name}").copy_(value[0].T)
    networks.weights(theirs, "bias_ih").copy_(ours.b[0, 0])
    networks.weights(theirs, "bias_hh").zero_()
    xs = torch.randn(7, 2, 3)
    torch.testing.assert_close(ours(xs)[:, 0], theirs(xs)[0])


@pytest.mark.parametrize("variant", lstm_ablation.VARIANTS)
def test_a_variant_changes_what_its_name_says(variant):
    """Against one plain formula with everything in it, at random weights."""
    torch.manual_seed(1)
    D, H, T, B, N = 3, 4, 6, 2, 2
    layer = lstm_ablation.Variant(variant, D, H, N)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    letters = {"coupled": "igo", "no input gate": "fgo", "no forget gate": "igo"}
    letters = letters.get(variant, "ifg" if variant == "no output gate" else "ifgo")
    peep = torch.zeros(N, 3, 1, H) if layer.W_c is None else layer.W_c
    xs, h, c, hs = torch.randn(T, B, D), torch.zeros(N, B, H), torch.zeros(N, B, H), []
    for x in xs:
        a = (x @ layer.W_x + h @ layer.W_h + layer.b).chunk(len(letters), -1)
        a = dict(zip(letters, a, strict=True))
        i = (a["i"] + peep[:, 0] * c).sigmoid() if "i" in a else torch.ones(N, B, H)
        f = (a["f"] + peep[:, 1] * c).sigmoid() if "f" in a else torch.ones(N, B, H)
        f = 1 - i if variant == "coupled" else f
        g = a["g"] if variant == "no input activation" else a["g"].tanh()
        c = f * c + i * g
        o = (a["o"] + peep[:, 2] * c).sigmoid() if "o" in a else torch.ones(N, B, H)
        h = o * (c if variant == "no output activation" else c.tanh())
        hs.append(h)
    torch.testing.assert_close(layer(xs), torch.stack(hs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["full", "coupled", "no input gate", "peepholes"])
def test_a_fresh_gate_is_as_open_as_its_bias_says(variant):
    layer = lstm_ablation.Variant(variant, 2, 3, N=2)
    layer.begin(1, forget=1.0, input=-2.0)
    _, _, i, f, _ = next(layer.states(torch.zeros(1, 4, 2)))
    forget, half = torch.tensor(1.0).sigmoid(), torch.full((4, 3), 0.5)
    torch.testing.assert_close(f[0], half)
    torch.testing.assert_close(f[1], forget.expand(4, 3))
    started = {"coupled": 1 - forget, "no input gate": torch.tensor(1.0)}
    want = started.get(variant, torch.tensor(-2.0).sigmoid())
    torch.testing.assert_close(i[1], want.expand(4, 3))


@pytest.mark.parametrize("name", ["reber", "adding"])
@pytest.mark.parametrize("variant", ["full", "peepholes"])
def test_copies_learn_side_by_side_as_each_would_alone(name, variant):
    """And as torch's own Adam and clipping teach it."""
    task = lstm_ablation.adding(8) if name == "adding" else lstm_ablation.reber()
    rates, checks = torch.tensor([3e-3, 3e-2]), [3, 6]
    data = [task.draw(np.random.default_rng([0, n]), 5) for n in range(6)]
    test = task.draw(np.random.default_rng(9), 7)
    copies = lstm_ablation.Network(0, variant, task.D, 4, task.V, N=2)
    got = lstm_ablation.teach(copies, iter(data), rates, checks, task.loss, test)
    for copy, rate in enumerate(rates.tolist()):
        alone = lstm_ablation.Network(0, variant, task.D, 4, task.V)
        history = networks.teach(
            alone,
            iter(data),
            steps=6,
            validate=lambda module: float(task.loss(module, test)[0]),
            lr=rate,
            every=3,
            loss=lambda module, batch: task.loss(module, batch)[0],
        )
        np.testing.assert_allclose(got[:, copy], history.validation, rtol=1e-5)


class Knowing(torch.nn.Module):
    """Gives each symbol that may follow the same logit, with or without the one to remember."""

    def __init__(self, remembers):
        super().__init__()
        self.remembers = remembers

    def forward(self, xs):
        logits = torch.full((xs.shape[0], 1, *xs.shape[1:]), -50.0)
        for b in range(xs.shape[1]):
            for t in range(xs.shape[0]):
                string = "".join(tasks.ALPHABET[n] for n in xs[: t + 1, b].argmax(-1))
                try:
                    legal = tasks.next_symbols(tasks.EMBEDDED, string)
                except ValueError:  # padding
                    continue
                if not self.remembers and string[-1] == "E":
                    legal = "TP"
                for symbol in legal:
                    logits[t, 0, b, tasks.ALPHABET.index(symbol)] = 0
        return logits


@pytest.mark.parametrize("remembers", [True, False])
def test_the_scale_of_reber_is_what_the_grammar_costs(remembers):
    task = lstm_ablation.reber()
    test = task.draw(np.random.default_rng(4), 30)
    loss = float(task.loss(Knowing(remembers), test)[0])
    assert loss == pytest.approx(task.scale(test)[0 if remembers else 1], rel=1e-5)


def test_variants_are_matched_in_weights():
    def count(variant, units):
        return sum(p.numel() for p in lstm_ablation.Variant(variant, 7, units).parameters())

    full = count("full", 16)
    for variant in lstm_ablation.VARIANTS:
        assert abs(count(variant, lstm_ablation.matched(variant, 7, 16)) / full - 1) < 0.06


def test_legal_symbols_are_those_of_the_grammar():
    streams = tasks.continual(np.random.default_rng(0), 40, 2)
    legal = continual_reber.legal_symbols(streams.inputs)
    for b in range(2):
        string = "".join(tasks.ALPHABET[n] for n in streams.inputs[:, b])
        for t in range(40):
            said = {tasks.ALPHABET[n] for n in np.flatnonzero(legal[t, b])}
            assert said == set(tasks.next_symbols(tasks.CONTINUAL, string[: t + 1]))
    assert np.take_along_axis(legal, streams.targets[..., None], axis=-1).all()


class Counter(torch.nn.Module):
    """Counts exactly, up to a limit."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def forward(self, xs):
        a, b = xs[..., 1].cumsum(0).clamp(max=self.limit), xs[..., 2].cumsum(0)
        return one_hot(torch.where(b < a, 2, 3), 4)


def test_reach_is_how_far_a_counter_counts():
    right = [counting.is_right(Counter(limit=7), n) for n in range(1, 12)]
    assert right == [True] * 7 + [False] * 4


def test_delays_are_delays():
    us = np.random.default_rng(0).normal(size=(6, 2, 1))
    got = reservoir.delays(us, 3)
    assert got.shape == (6, 2, 3)
    for t in range(6):
        for k in range(3):
            want = us[t - k, :, 0] if t >= k else np.zeros(2)
            np.testing.assert_array_equal(got[t, :, k], want)
