"""What runs in a sandbox: it works, it is kept in, and it costs nobody else anything."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from conftest import NAME, ROOT, Hand, assignment, code, solved
from rnnlib.grading import doctor
from rnnlib.grading.result import Result, grade, to_json
from rnnlib.grading.seccomp import no_processes

pytestmark = pytest.mark.usefixtures("sandboxed")
ELMAN = "def elman_step(W_x, W_h, b, x, h):\n    "
RIGHT = "return np.tanh(x @ W_x.T + h @ W_h.T + b)"


def problems(result: Result) -> dict[str, str]:
    return {v.cell: v.problem for v in result.verdicts if not v.passed}


def test_every_layer_holds() -> None:
    assert [finding for finding in doctor.examine() if not finding.holds] == []


def test_a_solved_notebook_has_all_points_and_a_blank_one_none(hand_in: Hand) -> None:
    result = grade(hand_in(solved()), assignment())
    assert (result.score, problems(result)) == (100, {})
    json.dumps(to_json(result))
    result = grade(hand_in(assignment().release), assignment())
    assert result.score == 0 and set(problems(result).values()) == {"missing"}


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (f"{ELMAN}import os; os._exit(0)", "dies"),
        ("import os; os._exit(0)", "missing"),
        (f"{ELMAN}return np.tanh(x @ W_x.T + h @ W_h + b)", "differs"),
        (f"{ELMAN}h[:] = 1; {RIGHT}", "changes an argument"),
        (f"{ELMAN}return bytearray(1 << 40)", "raises"),
        (f"{ELMAN}return np.zeros((3000, 3000))", "dies"),
        (
            "import os\nfor i in range(3, 20):\n  try: os.write(i, b'x' * 99)\n  except OSError: 0",
            "missing",
        ),
        ("import torch\n" + ELMAN + RIGHT, "missing"),
        (f"{ELMAN}return list(np.zeros((10**6, 1), np.uint8))", "dies"),
        (
            f"{ELMAN}import threading, time\n    threading.stack_size(1 << 15)\n    for _ in range("
            "9000): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "dies",
        ),
    ],
)
def test_a_bad_cell_costs_its_own_points(hand_in: Hand, cell: str, problem: str) -> None:
    result = grade(hand_in(solved(elman_step=cell)), assignment())
    assert (result.score, problems(result)) == (90, {"elman_step-check": problem})


@pytest.mark.parametrize(
    ("cell", "words"),
    [("import os; os._exit(0)", "process"), ("while True: pass", "longer than 2 s")],
)
def test_a_cell_that_was_cut_short_is_named_to_who_grades(
    hand_in: Hand, cell: str, words: str
) -> None:
    short = assignment()._replace(limits=assignment().limits._replace(cell=2))
    [note] = grade(hand_in(solved(elman_step=cell)), short).notes
    assert note.startswith("when cell elman_step ran, ") and words in note


@pytest.mark.parametrize(
    "cell",
    [
        f"import sys; print('warning', file=sys.stderr)\n{ELMAN}{RIGHT}",
        f"for _ in range(50): print('x' * 1_000_000)\n{ELMAN}{RIGHT}",
        f"%time 1\n{ELMAN}{RIGHT}",
        f"{ELMAN}return helper(x @ W_x.T + h @ W_h.T + b)",
        f"{ELMAN}{RIGHT}\nassert False, 'an experiment'",
    ],
)
def test_honest_but_odd_cells_score_as_they_deserve(hand_in: Hand, cell: str) -> None:
    notebook = solved(elman_step=cell)
    notebook["cells"].append(
        code("helper = np.tanh\ndef leaky_step(*args): return 'an experiment'")
    )
    assert grade(hand_in(notebook), assignment()).score == 100


def test_experiments_that_were_left_cost_no_function_its_time(hand_in: Hand) -> None:
    limits = assignment().limits._replace(added=3, cell=2, notebook=40)
    notebook = solved()
    for k in range(30):  # of 2 s each: longer than the whole notebook may take
        notebook["cells"].insert(1, code("while True: pass") | {"id": f"mine-{k}"})
    notebook["cells"].insert(1, code("helper = np.tanh") | {"id": "helper"})
    assert grade(hand_in(notebook), assignment()._replace(limits=limits)).score == 100


def test_a_mistake_in_one_function_costs_nothing_in_the_one_that_calls_it(hand_in: Hand) -> None:
    wrong = "def leaky_step(W_x, W_h, b, alpha, x, h):\n    return h"
    unroll = (
        "def unroll(W_x, W_h, b, alpha, xs, h0, lengths):\n"
        "    h, hs = h0, []\n"
        "    for t, x in enumerate(xs):\n"
        "        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), h)\n"
        "        hs.append(h)\n"
        "    return np.stack(hs), h\n"
    )
    result = grade(hand_in(solved(leaky_step=wrong, unroll=unroll)), assignment())
    assert set(problems(result)) == {"leaky_step-check-new", "leaky_step-check-mix"}


def test_one_seed_gives_one_result(hand_in: Hand) -> None:
    folder = hand_in(solved(elman_step=f"{ELMAN}return h"))
    first = grade(folder, assignment())
    again = grade(folder, assignment(), seed=first.seed)
    assert again.verdicts == first.verdicts
    assert grade(folder, assignment()).seed != first.seed


def test_a_filter_is_made_only_for_known_machines() -> None:
    assert len(no_processes("x86_64")) % 8 == len(no_processes("aarch64")) % 8 == 0
    with pytest.raises(ValueError, match=r"^machine: got 'pdp11'"):
        no_processes("pdp11")


def test_a_class_is_graded_once_and_goes_on_after_a_break(hand_in: Hand, tmp_path: Any) -> None:
    (tmp_path / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    for name in ("solutions", "exercises"):
        (tmp_path / name).symlink_to(ROOT / name)
    for student, notebook in [("a", solved()), ("b", assignment().release)]:
        hand_in(notebook, student=student)
    hand_in(b"{", student="c")

    def run(*more: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "rnnlib.grading", "grade", NAME, *more]
        command += ["--submitted", "submitted", "--json", "out.json"]
        env = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)}
        subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
        results: list[dict[str, Any]] = json.loads((tmp_path / "out.json").read_text())
        return results

    first = run()
    assert [(one["student"], one["score"]) for one in first] == [("a", 100), ("b", 0), ("c", 0)]
    assert first[2]["refused"] and first[2]["needs_a_look"]
    hand_in(solved(), student="c")
    second = run()
    assert [one["seed"] for one in second[:2]] == [one["seed"] for one in first[:2]]
    assert second[2]["score"] == 100
    page = tmp_path / "grading" / "autograded" / "c" / NAME / f"{NAME}.ipynb"
    assert "Right on 10" in page.read_text()
