"""From a student's folder to a notebook rebuilt from the release.

Only sources cross over: of the cells that the student was to write, by their `grade_id`, and of
cells that the student added, which run in the same sandbox and are worth no trust and no points.
Everything else, such as locked cells, tags, points, outputs and metadata, is that of the release. A
folder from which nothing can be taken gives the blank release and the reason.

Of several cells with one `grade_id` the last one that is neither blank nor the stub counts, as it
does when a notebook runs from top to bottom; the other ones stay as added cells.
"""

import copy
import json
import os
import re
import stat
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from rnnlib.grading import inert
from rnnlib.grading.assignment import Assignment, is_check, tags, text_of
from rnnlib.grading.bounded import TooMuch, bounded

Cell = dict[str, Any]
FILE_BYTES, CELLS, SOURCE, SOURCES = 20 << 20, 2000, 200_000, 1_000_000
PARSING = 10.0  # seconds
GRADE_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
WRITTEN = ("code", "markdown")
MERGE = re.compile(rb"^[ \t]*\"?(<{7}|={7}|>{7})( |$)", re.MULTILINE)


class Refused(Exception):
    """Nothing can be taken from what was handed in; the message is for its author."""


class Intake(NamedTuple):
    """What is graded."""

    notebook: dict[str, Any]  # rebuilt from the release
    refused: str  # why it is blank; empty if it is not
    notes: tuple[str, ...]  # what was odd


class Step(NamedTuple):
    """A cell to run."""

    cell: str
    source: str
    kind: str  # given, solution or added


def take(folder: Path, assignment: Assignment) -> Intake:
    """Rebuild what a student handed in.

    Parameters
    ----------
    folder : Path
        Of one student and this assignment.
    assignment : Assignment

    Returns
    -------
    Intake
    """
    notes: list[str] = []
    try:
        path = find(folder, assignment.name)
        if path.name != f"{assignment.name}.ipynb":
            notes.append(f"the notebook was called {inert.one_line(path.name)}")
        try:
            with bounded(PARSING):
                cells = parse(read_bytes(path))
        except (TooMuch, MemoryError):
            raise Refused("the notebook takes too much time or memory to read") from None
        return Intake(rebuild(cells, assignment.release, notes), "", tuple(notes))
    except Refused as refused:
        return blank(assignment, str(refused), *notes)


def blank(assignment: Assignment, refused: str, *notes: str) -> Intake:
    """The release as it is, in place of what cannot be graded for this reason."""
    return Intake(copy.deepcopy(assignment.release), refused, notes)


# ------------------------------------------------------------------------- the file


def find(folder: Path, name: str) -> Path:
    """The notebook in a student's folder: the one of the right name, or else the only one whose
    name begins with it, as in ``01-forward (1).ipynb``.
    """
    for part in (folder.parent, folder):
        if not part.exists() or not stat.S_ISDIR(part.lstat().st_mode):
            called = inert.one_line(part.name)
            raise Refused(f"{called} is no folder of its own (a link is not followed)")
    wanted = folder / f"{name}.ipynb"
    if os.path.lexists(wanted):
        return wanted
    found = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".ipynb"))
    similar = [entry for entry in found if entry.lower().startswith(name.lower())]
    if len(similar) == 1:
        return folder / similar[0]
    listed = inert.one_line(", ".join(found[:10])) or "no notebook"
    raise Refused(f"there is no {name}.ipynb; the folder holds {listed}")


def read_bytes(path: Path) -> bytes:
    """Bytes of a regular file that is not too large; links and devices are not followed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise Refused(f"{path.name} is a link to another file; hand in the file") from None
        raise Refused(f"{path.name} cannot be read: {error.strerror}") from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Refused(f"{path.name} is no regular file")
    with os.fdopen(fd, "rb") as file:
        if status.st_size > FILE_BYTES:
            raise Refused(
                f"the notebook has {status.st_size / 2**20:.0f} MB, and {FILE_BYTES >> 20} are "
                "accepted; clear the outputs and hand it in again"
            )
        return file.read(FILE_BYTES + 1)


def parse(data: bytes) -> list[Cell]:
    """Cells of a notebook, in the form of nbformat 4."""
    if not data.strip(b" \t\r\n\0"):
        raise Refused("the notebook is empty")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        notebook = json.loads(data.decode("utf-16" if wide else "utf-8-sig"))
    except RecursionError:
        raise Refused("the notebook is nested too deeply") from None
    except ValueError as error:
        raise Refused(why_no_json(data, error)) from None
    version = notebook.get("nbformat") if isinstance(notebook, dict) else None
    if type(version) is not int:
        raise Refused("the file is JSON but no notebook: it does not say its nbformat")
    if version > 4:
        raise Refused(f"the notebook has nbformat {version}, and 4 is the newest that is read")
    if version < 4:
        notebook = upgrade(notebook)
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise Refused("the notebook has no list of cells")
    if len(cells) > CELLS:
        raise Refused(f"the notebook has {len(cells)} cells, and {CELLS} are accepted")
    cells = [cell for cell in cells if isinstance(cell, dict)]
    if (written := sum(len(source(cell)) for cell in cells if has_source(cell))) > SOURCES:
        raise Refused(f"the cells hold {written:,} characters, and {SOURCES:,} are accepted")
    return cells


def why_no_json(data: bytes, error: ValueError) -> str:
    """What a file is that should have been a notebook."""
    kinds = {b"PK": "a zip file", b"%PDF": "a PDF file", b"\x1f\x8b": "a gzip file"}
    for magic, kind in kinds.items():
        if data.startswith(magic):
            return f"the file is {kind}, not a notebook"
    if data.lstrip()[:1] == b"<" and not MERGE.match(data.lstrip()):
        return "the file is a web page, not a notebook"
    if MERGE.search(data):
        return "the notebook holds the marks of a merge conflict (<<<<<<<): resolve it in git"
    if b"\0" in data or isinstance(error, UnicodeDecodeError):
        return "the file is binary, not a notebook"
    if isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc.rstrip()) - 1:
        return "the notebook ends in the middle: it was cut off when it was saved or sent"
    if isinstance(error, json.JSONDecodeError):
        if error.msg.startswith("Unterminated string"):
            return "the notebook ends in the middle: it was cut off when it was saved or sent"
        return f"the notebook is broken JSON in line {error.lineno}: {error.msg}"
    return "the notebook holds a number that is too long"


def upgrade(notebook: Cell) -> Cell:
    """A notebook of an older format in that of nbformat 4."""
    import nbformat  # here, since it takes a second of every worker

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            upgraded = nbformat.convert(nbformat.from_dict(notebook), 4)
            return json.loads(json.dumps(upgraded))  # type: ignore[no-any-return]
    except Exception:
        raise Refused(
            f"the notebook has the old nbformat {notebook['nbformat']} and cannot be converted: "
            "open it in Jupyter and save it"
        ) from None


# ---------------------------------------------------------------------- the notebook


def rebuild(cells: list[Cell], release: Cell, notes: list[str]) -> Cell:
    """The release with the student's sources; oddities are appended to the notes."""
    known = {tags(cell)["grade_id"]: cell for cell in release["cells"] if tags(cell)}
    stubs = {
        grade_id: text_of(cell["source"]).strip()
        for grade_id, cell in known.items()
        if tags(cell).get("solution")
    }
    answers: dict[str, Cell] = {}
    submitted = [(identity(cell, known), cell) for cell in cells if has_source(cell)]
    for grade_id, cell in submitted:
        if grade_id is not None and grade_id in stubs:
            if grade_id in answers and source(cell) != source(answers[grade_id]):
                notes.append(f"there are several cells {grade_id}; the last one counts")
            if grade_id not in answers or source(cell).strip() not in ("", stubs[grade_id]):
                answers[grade_id] = cell
    if missing := sorted(set(stubs) - set(answers)):
        notes.append(f"without the cells {', '.join(missing)}")
    return put_together(release, answers, group(submitted, answers, release))


def group(
    submitted: list[tuple[str | None, Cell]], answers: dict[str, Cell], release: Cell
) -> dict[str | None, list[Cell]]:
    """Cells that the student added, under the grade_id that comes next, or None at the end."""
    ours = {text_of(cell["source"]).strip() for cell in release["cells"]}
    groups: dict[str | None, list[Cell]] = {}
    waiting: list[Cell] = []
    for grade_id, cell in submitted:
        if grade_id is not None and answers.get(grade_id, cell) is cell:
            groups.setdefault(grade_id, []).extend(waiting)
            waiting = []
        elif source(cell).strip() not in ours | {""} and cell.get("cell_type") in WRITTEN:
            waiting.append(cell)
    return {**groups, None: waiting}


def put_together(
    release: Cell, answers: dict[str, Cell], added: dict[str | None, list[Cell]]
) -> Cell:
    """The release with these answers, and added cells before those they are listed under."""
    rebuilt = copy.deepcopy(release)
    old, rebuilt["cells"] = rebuilt["cells"], []
    number = 0

    def add(cells: list[Cell]) -> None:
        nonlocal number
        for cell in cells:
            number += 1
            rebuilt["cells"].append(new_cell(cell, f"added-{number}"))

    for cell in old:
        grade_id = tags(cell).get("grade_id")
        if grade_id:
            add(added.get(grade_id, []))
        if grade_id in answers:
            text = source(answers[grade_id])
            cell["source"] = inert.markdown(text) if cell["cell_type"] == "markdown" else text
        rebuilt["cells"].append(cell)
    add(added.get(None, []))
    return rebuilt


def identity(cell: Cell, known: dict[str, Cell]) -> str | None:
    """The grade_id of a cell of the release, by its metadata or, if these got lost, by its id."""
    meta = cell.get("metadata")
    tag = meta.get("nbgrader") if isinstance(meta, dict) else None
    for name in (tag.get("grade_id") if isinstance(tag, dict) else None, cell.get("id")):
        if isinstance(name, str) and GRADE_ID.fullmatch(name) and name in known:
            return name
    return None


def has_source(cell: Cell) -> bool:
    """Has a cell of a submission text of a size that is accepted?"""
    text = cell.get("source", "")
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "".join(text)
    return isinstance(text, str) and len(text) <= SOURCE


def source(cell: Cell) -> str:
    """Source of a cell of a submission, without what no file can hold."""
    return inert.SURROGATE.sub("\ufffd", text_of(cell.get("source", ""))).replace("\0", "\ufffd")


def new_cell(cell: Cell, name: str) -> Cell:
    """An added cell with its source and nothing else of it."""
    text = source(cell)
    if cell.get("cell_type") == "code":
        return {
            "cell_type": "code",
            "execution_count": None,
            "id": name,
            "metadata": {},
            "outputs": [],
            "source": text,
        }
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": inert.markdown(text)}


# ------------------------------------------------------------------------- what to run


def steps(notebook: Cell, release: Cell) -> list[Step]:
    """The cells of a rebuilt notebook that run: given ones, written ones and added ones.

    Parameters
    ----------
    notebook : dict
        Rebuilt.
    release : dict
        From which it was.

    Returns
    -------
    list of Step
        Cells with checks are not among them, since the grader does not ask the sandbox what they
        say, and neither are stubs that were left as they were.
    """
    stubs = {cell["id"]: text_of(cell["source"]).strip() for cell in release["cells"]}
    found = []
    for cell in notebook["cells"]:
        meta, text = tags(cell), text_of(cell["source"])
        if cell["cell_type"] != "code" or not text.strip() or is_check(meta):
            continue
        if not meta.get("solution"):
            in_release = cell["id"] in stubs
            found.append(Step(cell["id"], text, "given" if in_release else "added"))
        elif text.strip() != stubs[cell["id"]]:
            found.append(Step(cell["id"], text, "solution"))
    return found
