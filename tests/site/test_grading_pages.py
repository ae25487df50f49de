"""What a teacher opens, and what a student gets back, from submissions that try to run scripts."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import Browser, Page

from rnnlib.grading.sandbox import why_not

ROOT = Path(__file__).parents[2]
NAME = "01-forward"
EVE = 'eve";window.pwned=1;"<img src=x onerror=pwned=1>'  # what a folder may be called
ELSEWHERE = "http://elsewhere.invalid"
RUN = "window.pwned=1"

TRICKS = [
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    f"<details open ontoggle={RUN}>",
    f"<body onload={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<iframe src='javascript:parent.pwned=1'></iframe>",
    f"<math><mtext></mtext><mglyph><style><!--</style><img title='--><img src=x onerror={RUN}>'>",
    f"</textarea></pre></code></title></style><script>{RUN}</script>",
    f"<link rel=stylesheet href={ELSEWHERE}/a.css><style>@import '{ELSEWHERE}/b.css';</style>",
    f"<img src={ELSEWHERE}/c.png><video src={ELSEWHERE}/d.mp4 autoplay></video>",
    f"<base href={ELSEWHERE}/><meta http-equiv=refresh content='0;url={ELSEWHERE}/e'>",
    f"<object data={ELSEWHERE}/f></object><embed src={ELSEWHERE}/g>",
    f"<form action={ELSEWHERE}/h><button>Full credit</button></form>",
    f"![a]({ELSEWHERE}/i.png) ![b][p]\n\n[p]: {ELSEWHERE}/j.png",
    f"[click](javascript:{RUN}) [click](JaVaScRiPt&#58;{RUN}) [click](java\tscript:{RUN})",
    f"[click](data:text/html,<script>{RUN}</script>) <javascript:{RUN}>",
    f"[click](vbscript:{RUN}) [click](&#x6A;avascript:{RUN})",
    f'[click](http://a.invalid "\\"onmouseover={RUN} x=\\"")',
    f'```"onmouseover={RUN}\ntext\n```\n```html\n<script>{RUN}</script>\n```',
    f"$\\href{{javascript:{RUN}}}{{x}}$ $$\\require{{action}}\\unicode{{<img>}}$$",
    f"$<script>{RUN}</script>$ $$</script><img src=x onerror={RUN}>$$",
    f"{{{{ ''.__class__ }}}} {{% raw %}}<script>{RUN}</script>",
    f"\x1b]8;;javascript:{RUN}\x07click\x1b]8;;\x07",
    "# question-answer",
]
SCRIPT = "\n\n".join(TRICKS)


def solved() -> dict[str, Any]:
    """The release, with the answers of its authors."""
    answers = json.loads((ROOT / "solutions" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    release = json.loads((ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    by_id = {cell["id"]: cell for cell in answers["cells"]}
    for cell in release["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = by_id[cell["id"]]["source"]
    return release


def hostile() -> dict[str, Any]:
    """A submission that puts scripts wherever a student can put text."""
    notebook = solved()
    data = {"text/html": SCRIPT, "image/svg+xml": TRICKS[2], "application/javascript": RUN}
    shown = {"output_type": "display_data", "data": data, "metadata": {}}
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = [f"<script>{RUN}</script>"]
        if cell["cell_type"] == "code":
            cell["outputs"] = [shown]
        if cell["id"] == "question-answer":
            cell["source"] = SCRIPT
            cell["attachments"] = {"a.svg": {"image/svg+xml": TRICKS[2]}}
        if cell["id"] == "elman_step":
            cell["source"] = f"script = {SCRIPT!r}\nprint(script)\nraise ValueError(script)"
        if cell["id"] == "leaky_step":
            cell["source"] = f"def leaky_step(*args):\n    raise ValueError({SCRIPT!r})"
        if cell["id"] == "count_params":
            cell["source"] = f"def count_params(*args):\n    return {SCRIPT!r}"
    display = "from IPython.display import HTML, Javascript, SVG, display\n"
    mine: list[dict[str, Any]] = [
        {"cell_type": "markdown", "source": SCRIPT},
        *({"cell_type": "markdown", "source": trick} for trick in TRICKS),
        {"cell_type": "raw", "source": SCRIPT, "metadata": {"format": "text/html"}},
        {"cell_type": "code", "source": f"'''{SCRIPT.replace(chr(27), '')}'''"},
        {"cell_type": "code", "source": f"{display}display(HTML({SCRIPT!r}), Javascript({RUN!r}))"},
        {"cell_type": "code", "source": f"import sys\nsys.stderr.write({SCRIPT!r})"},
    ]
    for i, cell in enumerate(mine):
        cell.setdefault("metadata", {})
        if cell["cell_type"] == "code":
            cell |= {"outputs": [shown], "execution_count": None}
        notebook["cells"].insert(1 + i, cell | {"id": f"mine-{i}"})
    notebook["metadata"]["title"] = f"</title><script>{RUN}</script>"
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": SCRIPT}
    return notebook


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a course in which two students were graded by the commands of the README."""
    if (
        (reason := why_not())
        and os.environ.get("RNNLIB_STRICT") != "1"
        and not shutil.which("bwrap")
    ):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    for part in ("solutions", "exercises"):
        shutil.copytree(ROOT / part / NAME, folder / part / NAME)
    for student, notebook in {"ada": solved(), EVE: hostile()}.items():
        submission = folder / "grading" / "submitted" / student / NAME
        submission.mkdir(parents=True)
        (submission / f"{NAME}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    nbgrader(folder, "autograde", NAME)
    with Gradebook(f"sqlite:///{folder / 'grading' / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_student(EVE, first_name=TRICKS[0], last_name='"' + TRICKS[1])
    nbgrader(folder, "generate_feedback", NAME)
    return folder


def nbgrader(folder: Path, *command: str) -> None:
    """Run a command of nbgrader in a course."""
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def environment(folder: Path) -> dict[str, str]:
    """Of programs that keep what they write in one folder."""
    own = {f"JUPYTER_{name}_DIR": str(folder / ".jupyter") for name in ("CONFIG", "RUNTIME")}
    return os.environ | own | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def formgrader(course: Path) -> Iterator[str]:
    """Address of a running formgrader."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = course / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
                *("--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=secret"),
                f"--ServerApp.root_dir={course}",
            ],
            cwd=course,
            env=environment(course),
            stdout=out,
            stderr=out,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{base}/api", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, log.read_text()
                time.sleep(0.5)
        else:
            pytest.fail(f"no answer from {base}:\n{log.read_text()}")
        yield base
    finally:
        server.terminate()
        server.wait(30)


def opened(page: Page, address: str) -> tuple[list[str], list[str]]:
    """Open a page: what ran that should not, and which other origins it asked."""
    ran: list[str] = []
    asked: list[str] = []
    own = "file:///" if address.startswith("file:") else "/".join(address.split("/")[:3])

    def guard(route: Any) -> None:
        url = route.request.url
        if url.startswith((own, "data:")):
            route.continue_()
            return
        asked.append(url)
        route.abort()

    page.route("**/*", guard)
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    page.on("popup", lambda popup: ran.append(popup.url))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    for link in page.locator("#notebook-container a").all():
        if (link.get_attribute("href") or "").lower().lstrip().startswith(("java", "data", "vb")):
            ran.append(link.evaluate("a => a.outerHTML"))
    for element in page.locator("[onmouseover], [onerror], [onload], [ontoggle]").all():
        ran.append(element.evaluate("e => e.outerHTML"))
    if page.evaluate("window.pwned !== undefined"):
        ran.append("a script")
    return ran, asked


def test_feedback_runs_nothing_and_says_what_was_wrong(course: Path, browser: Browser) -> None:
    for student in ("ada", EVE):
        path = course / "grading" / "feedback" / student / NAME / f"{NAME}.html"
        with browser.new_page() as page:
            assert opened(page, path.as_uri()) == ([], [])
            text = page.inner_text("body")
            formulas = page.locator("math").count()
            assert page.locator("script").count() == 0
        if student == "ada":
            assert "100.0 / 110.0" in text and "Right on" in text
            assert formulas > 20 and "$" not in text.partition("Right on")[0]
        else:
            assert "count_params: 0 of" in text and "leaky_step: 0 of" in text
            assert "window.pwned=1" in text  # it is there, as text


def test_formgrader_runs_nothing_and_shows_scores_and_verdicts(
    course: Path, formgrader: str, browser: Browser
) -> None:
    with Gradebook(f"sqlite:///{course / 'grading' / 'gradebook.db'}") as gradebook:
        ids = {
            student: gradebook.find_submission_notebook(NAME, NAME, student).id
            for student in ("ada", EVE)
        }
    eve = urllib.request.quote(EVE, safe="")
    with browser.new_context() as context:
        with context.new_page() as page:
            page.goto(f"{formgrader}/formgrader?token=secret")
        for place in (
            "manage_assignments",
            f"manage_submissions/{NAME}",
            "gradebook",
            f"gradebook/{NAME}",
            f"gradebook/{NAME}/{NAME}",
            "manage_students",
            f"manage_students/{eve}",
            f"manage_students/{eve}/{NAME}",
            f"submissions/{ids[EVE]}/",
            f"submissions/{ids['ada']}/",
        ):
            with context.new_page() as page:
                assert opened(page, f"{formgrader}/formgrader/{place}") == ([], []), place
                text = page.inner_text("body")
                if place == f"submissions/{ids['ada']}/":
                    assert "Right on" in text and page.locator("math").count() > 20
                    # the script of the page has come to its end, MathJax or not
                    assert page.evaluate("MathJax.loaded")
                    fields = page.locator("input.score")
                    scores = fields.evaluate_all("all => all.map(e => e.value || e.placeholder)")
                    assert sum(float(score or 0) for score in scores) == 100
                elif place == f"submissions/{ids[EVE]}/":
                    assert "leaky_step: 0 of" in text
                    assert page.locator("#question-answer").evaluate("e => e.tagName") == "INPUT"
                elif place == f"gradebook/{NAME}/{NAME}":
                    assert "100" in text


def test_points_given_by_hand_reach_the_gradebook(
    course: Path, formgrader: str, browser: Browser
) -> None:
    database = f"sqlite:///{course / 'grading' / 'gradebook.db'}"
    with Gradebook(database) as gradebook:
        one = gradebook.find_submission_notebook(NAME, NAME, "ada").id
    with browser.new_context() as context, context.new_page() as page:
        page.goto(f"{formgrader}/formgrader?token=secret")
        opened(page, f"{formgrader}/formgrader/submissions/{one}/")
        with page.expect_response(lambda answer: answer.request.method == "PUT") as saved:
            page.locator("#question-answer").fill("7")
            page.locator("#question-answer").press("Tab")
        assert saved.value.ok
    with Gradebook(database) as gradebook:
        submission = gradebook.find_submission(NAME, "ada")
        assert submission.score == 107 and not submission.needs_manual_grade
