"""Submissions that attack the grading, are broken, or are honest but odd; one entry for each.

A submission is made from the released notebook or from the solved one when it is needed: no file of
it is kept. Names in capitals in a cell, such as CANARY, stand for what :class:`Place` holds.
"""

import gzip
import json
import os
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
NAME = "01-forward"
Notebook = dict[str, Any]


class Place(NamedTuple):
    """Where the attacks happen."""

    course: Path
    canary: Path  # a folder that no student's code may write to
    port: int  # that somebody listens on
    mark: str  # seconds that a stray process sleeps, by which it is found


class Attack(NamedTuple):
    """One submission."""

    name: str
    group: str
    says: str  # what it does
    make: Callable[[], Any]  # a notebook, bytes of a file, or what writes into a folder
    deserves: int = 0  # points
    refused: bool = False  # nothing can be taken from it
    fast: bool = False  # among the dozen that `make test` runs
    stock: str = ""  # why stock nbgrader is not asked
    student: str = ""  # the name of its folder, if that is part of it


# ---------------------------------------------------------------------- how to make one


@cache
def read(folder: str) -> str:
    return (ROOT / folder / NAME / f"{NAME}.ipynb").read_text("utf-8")


def text(cell: Notebook) -> str:
    return "".join(cell["source"])


def blank(**other: str) -> Notebook:
    """The release, but for some cells."""
    notebook = json.loads(read("exercises"))
    for cell in notebook["cells"]:
        cell["source"] = other.get(cell["id"], text(cell))
    return notebook


def solved(**other: str) -> Notebook:
    """The release with right answers, but for some cells."""
    cells = json.loads(read("solutions"))["cells"]
    answers = {
        cell["id"]: text(cell)
        for cell in cells
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }
    return blank(**{**answers, **other})


def added(source: str, kind: str = "code") -> Notebook:
    """A cell that a student has added."""
    cell = {"cell_type": kind, "id": "mine", "metadata": {}, "source": source}
    return cell | {"outputs": [], "execution_count": None} if kind == "code" else cell


def first(source: str, notebook: Notebook | None = None) -> Notebook:
    """The blank release with a cell before all others."""
    notebook = notebook or blank()
    notebook["cells"].insert(0, added(source))
    return notebook


def alone(source: str) -> Notebook:
    """A cell that defines all functions in some way of its own; their own cells say nothing."""
    return first(source, blank(**dict.fromkeys(GIVEN, "pass")))


def last(source: str, notebook: Notebook | None = None) -> Notebook:
    notebook = notebook or blank()
    notebook["cells"].append(added(source))
    return notebook


def is_check(cell: Notebook) -> bool:
    meta = cell["metadata"].get("nbgrader", {})
    return bool(meta.get("grade")) and not meta.get("solution")


def each(change: Callable[[Notebook], Any], notebook: Notebook | None = None) -> Notebook:
    """The blank release with a change of each cell of checks."""
    notebook = notebook or blank()
    for cell in filter(is_check, notebook["cells"]):
        change(cell)
    return notebook


def meta(notebook: Notebook, cell_id: str, **fields: Any) -> Notebook:
    """A notebook with other nbgrader metadata of one cell."""
    for cell in notebook["cells"]:
        if cell["id"] == cell_id:
            cell["metadata"]["nbgrader"].update(fields)
    return notebook


STEP = "def elman_step(W_x, W_h, b, x, h):\n"
RIGHT = "    return np.tanh(x @ W_x.T + h @ W_h.T + b)\n"
COUNT = "def count_params(D, H, V, layers, bidirectional):\n"
SUM = (
    "    d = 2 if bidirectional else 1\n"
    "    return d*H*(D + H + 1) + (layers - 1)*d*H*(d*H + H + 1) + V*(d*H + 1)\n"
)
PARITY = "def parity_weights():\n"


def step(body: str) -> Notebook:
    """The solved notebook with another body of its first function, which deserves 10 points."""
    return solved(elman_step=STEP + "".join(f"    {line}\n" for line in body.splitlines()))


def returns(value: str) -> Notebook:
    """The solved notebook with a first function that returns something else than it should."""
    return step(f"return {value}")


def everywhere(value: str) -> Notebook:
    """Each function returns the same thing."""
    names = ("elman_step", "leaky_step", "unroll", "softmax_xent", "count_params", "parity_weights")
    prelude = f"import numpy as np\nanswer = {value}\n"
    cells = {name: f"def {name}(*args): return answer" for name in names}
    return first(prelude, blank(**cells))


# Finds the frame of the driver that has read the request, and answers in its place.
ANSWER = """\
import json, math, os, struct, sys, time
f = sys._getframe()
while 'request' not in f.f_locals: f = f.f_back
number, fd = f.f_locals['request']['id'], f.f_locals['replies']
def npy(descr, shape, data=b''):
    head = repr(dict(descr=descr, fortran_order=False, shape=shape)).encode() + b'\\n'
    return b'\\x93NUMPY\\x01\\x00' + len(head).to_bytes(2, 'little') + head + data
def send(header, blobs=(), lengths=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    data = struct.pack('>II', *(lengths or (len(header), sum(map(len, blobs)))))
    data += header + b''.join(blobs)
    while data: data = data[os.write(fd, data):]
    time.sleep(60)
def value(tree, *blobs):
    tree = {'tuple': [tree, {'tuple': []}]}
    send({'id': number, 'value': tree, 'sizes': [len(b) for b in blobs]}, blobs)
"""


def reply(line: str) -> Notebook:
    """The first function replies in place of the driver, and is silent then."""
    return step(ANSWER + line)


def raw(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def dump(notebook: Notebook) -> bytes:
    return json.dumps(notebook).encode()


def folder(write: Callable[[Path, Place], None]) -> Callable[[], Callable[[Path, Place], None]]:
    return lambda: write


def set_top(**fields: Any) -> Notebook:
    return solved() | fields


def zipped() -> bytes:
    return b"PK\x03\x04" + gzip.compress(dump(solved()), mtime=0)


def old_format() -> Notebook:
    """nbformat 3, as IPython 2 wrote it."""
    cells = []
    for cell in solved()["cells"]:
        new = {"cell_type": cell["cell_type"], "metadata": cell["metadata"]}
        if cell["cell_type"] == "code":
            new |= {"input": cell["source"], "language": "python", "outputs": [], "collapsed": True}
        else:
            new["source"] = cell["source"]
        cells.append(new)
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": cells, "metadata": {}}],
    }


def conflict() -> bytes:
    lines = json.dumps(solved(), indent=1).splitlines()
    lines[20:20] = ["<<<<<<< HEAD", '   "mine",', "=======", '   "theirs",', ">>>>>>> branch"]
    return "\n".join(lines).encode()


def reordered() -> Notebook:
    """All that is to be written comes first, in reverse, and the text comes last."""
    notebook = solved()
    notebook["cells"].sort(key=lambda cell: cell["cell_type"] != "code")
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    notebook["cells"][: len(code)] = code[::-1]
    return notebook


def without_metadata(notebook: Notebook) -> Notebook:
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    return notebook


def duplicated(notebook: Notebook, times: int = 2) -> Notebook:
    notebook["cells"] = [deepcopy(c) for c in notebook["cells"] for _ in range(times)]
    return notebook


def retyped() -> Notebook:
    return each(lambda c: c.update(cell_type="markdown"))


def retagged() -> Notebook:
    """The check of a function that is right is entered under the names of all others."""
    notebook = blank(elman_step=STEP + RIGHT)
    good = next(c for c in notebook["cells"] if c["id"] == "elman_step-check")
    return each(lambda c: c.update(source=good["source"]), notebook)


def no_checks() -> Notebook:
    notebook = blank()
    notebook["cells"] = [cell for cell in notebook["cells"] if not is_check(cell)]
    return notebook


def linked(target: Callable[[Path, Place], Path]) -> Callable[[], Callable[[Path, Place], None]]:
    def write(folder: Path, place: Place) -> None:
        (folder / f"{NAME}.ipynb").symlink_to(target(folder, place))

    return lambda: write


def linked_folder(folder: Path, place: Place) -> None:
    folder.rmdir()
    folder.symlink_to(place.course / "solutions" / NAME)


def linked_sibling(folder: Path, place: Place) -> None:
    folder.rmdir()
    folder.symlink_to(next(folder.parent.parent.glob("*witness*")) / NAME)


def fifo(folder: Path, place: Place) -> None:
    os.mkfifo(folder / f"{NAME}.ipynb")


def sparse(folder: Path, place: Place) -> None:
    with (folder / f"{NAME}.ipynb").open("wb") as file:
        file.write(b"{")
        file.truncate(1 << 34)


def is_a_folder(folder: Path, place: Place) -> None:
    (folder / f"{NAME}.ipynb").mkdir()


def beside(name: str, content: str, notebook: Notebook) -> Callable[[Path, Place], None]:
    """A notebook with another file that the student hands in beside it."""

    def write(folder: Path, place: Place) -> None:
        (folder / name).write_text(fill(content, place))
        (folder / f"{NAME}.ipynb").write_bytes(dump(notebook))

    return write


def many(folder: Path, place: Place) -> None:
    for n in range(2000):
        (folder / f"{n}.ipynb").touch()


def wrong_name(folder: Path, place: Place) -> None:
    (folder / f"{NAME} (1).ipynb").write_bytes(dump(solved()))


def fill(content: str, place: Place) -> str:
    """Text in which the names of a place stand for what they are here."""
    for name, value in place._asdict().items():
        content = content.replace(name.upper(), str(value))
    return content


def put(attack: Attack, folder: Path, place: Place) -> None:
    """Write a submission into its folder."""
    folder.mkdir(parents=True)
    made = attack.make()
    if callable(made):
        made(folder, place)
        return
    if isinstance(made, dict):
        cells = made.get("cells")
        for cell in cells if isinstance(cells, list) else ():
            if isinstance(cell.get("source"), str):
                cell["source"] = fill(cell["source"], place)
        made = dump(made)
    (folder / f"{NAME}.ipynb").write_bytes(made)


# ------------------------------------------------------------------------------- all

PASS = "lambda *args, **kwargs: None"
LINES = "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])"
AST = (
    "import ast\n"
    "class Drop(ast.NodeTransformer):\n"
    "    def visit_Assert(self, node): return ast.Pass()\n"
    "    def visit_Raise(self, node): return ast.Pass()\n"
    "get_ipython().ast_transformers.append(Drop())"
)
GIVEN = "elman_step leaky_step unroll softmax_xent count_params parity_weights".split()
QUIET = (
    "import threading, time, numpy as np\n"
    f"nothing = {PASS}\n"
    "def again():\n"
    "    while True:\n"
    "        for name in dir(np.testing):\n"
    "            if name.startswith('assert'): setattr(np.testing, name, nothing)\n"
    "        for name in list(globals()):\n"
    "            if name.startswith('check'): globals()[name] = nothing\n"
    "        time.sleep(0.001)\n"
    "threading.Thread(target=again, daemon=True).start()"
)
EQUAL = (
    "type('Equal', (), {**{n: (lambda s, *a: True) for n in "
    "'__eq__ __ge__ __le__ __gt__ __lt__ __contains__ __bool__'.split()}, "
    "**{n: (lambda s, *a, **k: s) for n in '__sub__ __rsub__ __abs__ __getitem__ __call__ all any "
    "__getattr__ __add__ __mul__'.split()}, '__hash__': lambda s: 1, 'shape': ()})()"
)
FIND = (
    "import glob, json, os\n"
    "found = {}\n"
    "for start in ('COURSE', '..', '../..', '/home', '/root', '/srv', '/mnt'):\n"
    "    for path in glob.glob(start + '/**/solutions/**/*.ipynb', recursive=True):\n"
    "        for cell in json.load(open(path))['cells']:\n"
    "            if cell['metadata'].get('nbgrader', {}).get('solution'):\n"
    "                found[cell['id']] = ''.join(cell['source'])\n"
    "    if found: break\n"
    "for source in found.values():\n"
    "    if 'def ' in source: get_ipython().run_cell(source)"
)
CHECKS = (
    "import glob, importlib.util, shutil\n"
    "path = glob.glob('COURSE/**/checks.py', recursive=True)[0]\n"
    "spec = importlib.util.spec_from_file_location('checks', path)\n"
    "checks = importlib.util.module_from_spec(spec); spec.loader.exec_module(checks)\n"
    "for graded in checks.GRADED: globals()[graded.name] = graded.reference"
)
GRADEBOOK = (
    "import glob, sqlite3\n"
    "for path in glob.glob('COURSE/**/gradebook.db', recursive=True):\n"
    "    book = sqlite3.connect(path, timeout=1)\n"
    "    book.execute('update grade set manual_score = 100'); book.commit(); book.close()"
)
OTHERS = (
    "import glob, json\n"
    "for path in sorted(glob.glob('COURSE/grading/submitted/*witness*/**/*.ipynb', "
    "recursive=True)):\n"
    "    for cell in json.load(open(path))['cells']:\n"
    "        if 'def ' in ''.join(cell['source']): get_ipython().run_cell(''.join(cell['source']))"
)
WRITE = (
    "import os\n"
    "for folder in ('CANARY', 'COURSE', 'COURSE/solutions/01-forward', 'COURSE/grading', '/', "
    "'/usr/local', '/etc', '/dev', '/proc/sys/kernel', os.path.dirname(os.__file__), "
    "os.path.expanduser('~')):\n"
    "    try: open(folder + '/attack-MARK', 'w').write('was here')\n"
    "    except OSError: pass"
)
SHADOW = (
    "import os, sys\n"
    "for name in ('numpy', 'json', 'rnnlib', 'struct', 'sitecustomize'):\n"
    "    open(name + '.py', 'w').write('raise SystemExit(0)')\n"
    "sys.path.insert(0, os.getcwd())\n"
    "for name in ('json', 'struct', 'inspect'): sys.modules[name] = sys"
)
ORPHAN = (
    "import os, subprocess\n"
    "try: subprocess.Popen(['setsid', 'sleep', 'MARK'])\n"
    "except OSError: pass\n"
    "try:\n"
    "    if os.fork() == 0:\n"
    "        os.setsid()\n"
    "        if os.fork() == 0: os.execvp('sleep', ['sleep', 'MARK'])\n"
    "        os._exit(0)\n"
    "except OSError: pass"
)
FORK = (
    "import os, time\n"
    "for _ in range(300):\n"
    "    try: pid = os.fork()\n"
    "    except OSError: break\n"
    "    if pid == 0: time.sleep(20); os._exit(0)"
)
THREADS = (
    "import threading, time\n"
    "threading.stack_size(1 << 15)\n"
    "for _ in range(9000): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"
)
NETWORK = (
    "import socket\n"
    "for host in ('127.0.0.1', 'localhost', '::1'):\n"
    "    try: socket.create_connection((host, PORT), timeout=1).sendall(b'solved?')\n"
    "    except OSError: pass\n"
    "server = socket.socket(); server.bind(('0.0.0.0', 0)); server.listen()"
)
NAMES = "elman leaky unroll softmax count parity".split()
TORCH = (
    "import torch\n"
    f"{STEP}    cell = torch.nn.RNNCell(x.shape[1], h.shape[1], dtype=torch.float64)\n"
    "    for p, v in zip(cell.parameters(), (W_x, W_h, b, 0*b)): p.data = torch.tensor(v)\n"
    "    return cell(torch.tensor(x), torch.tensor(h)).detach().numpy()"
)
RNNLIB = (
    "from rnnlib.reference import elman\n"
    f"{STEP}    return elman.step(elman.Params(W_x, W_h, b), x, elman.State(h))[0].h"
)
RNNLIB_FILES = (
    "import glob, sys\n"
    "for path in glob.glob('/**/rnnlib/reference/elman.py', recursive=True) + "
    "glob.glob('/**/rnnlib/reference/__pycache__/elman*', recursive=True):\n"
    "    sys.path.insert(0, path.split('/rnnlib/')[0])\n"
    "for name in [n for n in sys.modules if n.startswith('rnnlib')]: del sys.modules[name]\n"
    "sys.meta_path = [m for m in sys.meta_path if 'Masked' not in type(m).__name__]\n" + RNNLIB
)
SIGNALS = (
    "import signal, sys\n"
    "signal.signal = lambda *a: None\n"
    "for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):\n"
    "    signal.pthread_sigmask(signal.SIG_BLOCK, [s])\n"
    "while True:\n"
    "    try:\n"
    "        while True: pass\n"
    "    except BaseException: pass"
)
REPLACED = (
    "import builtins, sys, numpy as np\n"
    "np.save = np.lib.format.write_array = lambda *a, **k: None\n"
    "np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
    "builtins.abs = builtins.isinstance\n"
    "builtins.all = builtins.any = lambda *a: True"
)
DRIVER = (
    "import gc, sys\n"
    "from rnnlib.grading import driver, wire\n"
    "class Same(dict): pass\n"
    "driver.Notebook.call = lambda self, name, tree, blobs, seconds: ({'value': {'tuple': ["
    "tree['tuple'][-1] if tree.get('tuple') else {'plain': 0}, tree]}}, blobs)\n"
    "wire.encode = lambda value: ({'plain': True}, [])"
)
PEEK = (
    "import gc, sys\n"
    "def peek(*args):\n"
    "    best = args[-1] if args else 0\n"
    "    f = sys._getframe()\n"
    "    while f:\n"
    "        for k, v in f.f_locals.items():\n"
    "            if 'want' in k or 'expected' in k or 'reference' in k: best = v\n"
    "        f = f.f_back\n"
    "    for thing in gc.get_objects():\n"
    "        if isinstance(thing, dict) and ('want' in thing or 'GRADED' in thing): best = thing\n"
    "        if type(thing).__name__ in ('Graded', 'Draw', 'Part'): best = thing\n"
    "    return best\n" + "\n".join(f"{name} = peek" for name in GIVEN)
)
FORGED = (
    "import os, sys\n"
    "for line in ('100.0', 'Right on 10 fresh inputs.', '{\"score\": 100}'):\n"
    "    print(line); print(line, file=sys.stderr)\n"
    "from IPython.display import display\n"
    "display(100.0)\n"
    "100.0"
)
STASH = (
    "    import json, os\n"
    "    for folder in ('.', '/tmp', '/dev/shm'):\n"
    "        path = folder + '/seen.npy'\n"
    "        if os.path.exists(path): return np.load(path)\n"
    "        np.save(path, h)\n"
    "    return h\n"
)
DIES = f"    if layers % 2 == 0 or D > 20: import os; os._exit(0)\n{SUM}"
HANGS = f"    while layers % 2 == 0 or D > 20: pass\n{SUM}"
HTML = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
MARKDOWN = f"{HTML} [a](javascript:alert(1)) ![](http://127.0.0.1:PORT/x) $\\href{{javascript:1}}x$"
JSON_BOMB = b'{"nbformat": 4, "cells": ' + b"[" * 200_000
LOUD = "print('x' * 100_000)\n"

ATTACKS = (
    # the checks are tampered with
    Attack("lines-dropped", "hooks", "an input transformer turns every cell into pass",
           lambda: first(LINES), fast=True),
    Attack("asserts-dropped", "hooks", "an AST transformer drops assert and raise",
           lambda: first(AST)),
    Attack("run-cell-replaced", "hooks", "run_cell and run_cell_async say that all went well",
           lambda: first("ip = get_ipython()\nold = ip.run_cell('1')\n"
                         "ip.run_cell = ip.run_code = lambda *a, **k: old\n"
                         "type(ip).run_cell_async = type(ip).run_code = ip.run_cell")),
    Attack("display-replaced", "hooks", "displayhook and display publisher put out full marks",
           lambda: first("import sys\nip = get_ipython()\n"
                         "sys.displayhook = lambda *a: print(100.0)\n"
                         "ip.display_pub.publish = lambda *a, **k: None\n"
                         "ip.displayhook.__class__.__call__ = lambda s, *a: print(100.0)")),
    Attack("errors-swallowed", "hooks", "a custom exception handler and showtraceback eat errors",
           lambda: first("ip = get_ipython()\nip.set_custom_exc((Exception,), lambda *a: None)\n"
                         "ip.showtraceback = ip._showtraceback = lambda *a, **k: None")),
    Attack("numpy-testing", "asserts", "np.testing and np.allclose agree with everything",
           lambda: first("import numpy as np\nfor n in dir(np.testing):\n"
                         f"    if n.startswith('assert'): setattr(np.testing, n, {PASS})\n"
                         "np.allclose = np.array_equal = lambda *a, **k: True")),
    Attack("builtins-replaced", "asserts", "all, any, abs, AssertionError and np.save are replaced",
           lambda: first(REPLACED)),
    Attack("thread-patches", "asserts", "a thread replaces the checks again and again",
           lambda: first(QUIET)),
    Attack("thread-rebinds", "asserts", "a thread rebinds the functions while they are called",
           lambda: first("import threading\ndef go():\n  while True:\n"
                         f"    for n in {GIVEN}: globals()[n] = lambda *a: a[-1] if a else 0\n"
                         "threading.Thread(target=go, daemon=True).start()")),
    Attack("frames-read", "asserts", "frames and gc are searched for expected values",
           lambda: alone(PEEK), fast=True),
    Attack("equal-to-all", "results", "every function returns an object that equals everything",
           lambda: everywhere(EQUAL)),
    Attack("grade-by-trace", "asserts", "a trace function skips the lines of the checks",
           lambda: first("import sys\ndef t(frame, event, arg):\n"
                         "    if event == 'line' and 'check' in frame.f_code.co_filename:\n"
                         "        raise StopIteration\n    return t\n"
                         "sys.settrace(t); sys.excepthook = lambda *a: None")),
    # cells and metadata
    Attack("skip-execution", "cells", "checks are tagged skip-execution",
           lambda: each(lambda c: c["metadata"].update(tags=["skip-execution"])), fast=True),
    Attack("raises-exception", "cells", "checks are tagged raises-exception",
           lambda: each(lambda c: c["metadata"].update(tags=["raises-exception"]))),
    Attack("checks-deleted", "cells", "cells with checks are missing", no_checks),
    Attack("checks-emptied", "cells", "cells with checks are empty",
           lambda: each(lambda c: c.update(source="pass"))),
    Attack("checks-unlocked", "cells", "checks are unlocked, their checksums gone, and empty",
           lambda: each(lambda c: (c.update(source="1"), c["metadata"]["nbgrader"].update(
               locked=False, checksum=None)))),
    Attack("checks-retyped", "cells", "checks are Markdown", retyped),
    Attack("checks-raw", "cells", "checks are raw cells",
           lambda: each(lambda c: c.update(cell_type="raw"))),
    Attack("checks-swapped", "cells", "the check that passes stands under all names", retagged, 10),
    Attack("cells-twice", "cells", "every cell is there twice", lambda: duplicated(solved()), 100),
    Attack("one-cell-twice", "cells", "one answer is there twice, the second time as a stub",
           lambda: (lambda n: n["cells"].append(
               next(deepcopy(c) for c in blank()["cells"] if c["id"] == "unroll")) or n)(solved()),
           100, fast=True),
    Attack("cells-reversed", "cells", "all cells stand in the reverse order", reordered, 100),
    Attack("metadata-lost", "cells", "another tool has dropped the metadata of all cells",
           lambda: without_metadata(solved()), 100),
    Attack("points-forged", "metadata", "checks claim a million points each",
           lambda: each(lambda c: c["metadata"]["nbgrader"].update(points=1e6),
                        blank(elman_step=STEP + RIGHT)), 10, fast=True),
    Attack("points-negative", "metadata", "what is wrong claims negative points",
           lambda: each(lambda c: c["metadata"]["nbgrader"].update(points=-5))),
    Attack("points-of-a-stub", "metadata", "an answer is made a cell with points",
           lambda: meta(blank(), "unroll", grade=True, points=100)),
    Attack("points-added", "metadata", "an added cell claims points",
           lambda: (lambda n: n["cells"].append(added("100.0") | {"metadata": {"nbgrader": dict(
               grade=True, grade_id="bonus", locked=True, points=50, schema_version=3,
               solution=False, task=False, cell_type="code")}}) or n)(blank())),
    Attack("schema-new", "metadata", "cells claim a future schema of nbgrader",
           lambda: each(lambda c: c["metadata"]["nbgrader"].update(schema_version=99), solved()),
           100),
    Attack("schema-odd", "metadata", "grade_id is a list, points are text, metadata are a number",
           lambda: each(lambda c: c["metadata"]["nbgrader"].update(grade_id=["x"], points="many"),
                        solved()), 100),
    Attack("kernel-own", "metadata", "the notebook asks for a kernel of its own",
           lambda: solved() | {"metadata": {"kernelspec": {"name": "evil", "language": "bash",
                                                            "display_name": "evil"}}}, 100),
    Attack("outputs-forged", "metadata", "checks come with outputs that say full marks",
           lambda: each(lambda c: c.update(outputs=[{
               "output_type": "execute_result", "metadata": {}, "execution_count": 1,
               "data": {"text/plain": "100.0"}}]))),
    Attack("marks-printed", "results", "cells print and display full marks",
           lambda: last(FORGED, first(FORGED))),
    Attack("result-nan", "results", "checks end in nan",
           lambda: each(lambda c: c.update(source="float('nan')"))),
    Attack("result-inf", "results", "checks end in infinity",
           lambda: each(lambda c: c.update(source="float('inf')"))),
    Attack("result-negative", "results", "checks end in -5",
           lambda: each(lambda c: c.update(source="-5.0"))),
    Attack("result-above", "results", "checks end in a thousand",
           lambda: each(lambda c: c.update(source="1000.0"))),
    Attack("returns-nan", "results", "every function returns nan",
           lambda: everywhere("float('nan')")),
    Attack("returns-inf", "results", "every function returns infinity",
           lambda: everywhere("float('inf')")),
    Attack("returns-pickle", "results", "an array of objects that run something when unpickled",
           lambda: step("class Bomb:\n    def __reduce__(self):\n        import os\n"
                        "        return os.system, ('touch CANARY/attack-MARK',)\n"
                        "return np.array([Bomb()] * h.size, object).reshape(h.shape)"), 90,
           fast=True),
    Attack("returns-subclass", "results", "an array class that lies about its shape and numbers",
           lambda: step("class Lie(np.ndarray):\n    shape = property(lambda s: h.shape)\n"
                        "    __eq__ = lambda s, o: np.ones(h.shape, bool)\n"
                        "    __array__ = lambda s, *a, **k: s\nreturn np.zeros(1).view(Lie)"), 90),
    Attack("returns-masked", "results", "a masked array, all of whose numbers are masked",
           lambda: step("return np.ma.masked_all(h.shape)"), 90),
    Attack("returns-huge-int", "results", "a whole number of 400 digits in place of a count",
           lambda: solved(count_params=COUNT + "    return 10**400"), 90, fast=True),
    Attack("returns-words", "results", "one long text and many short ones in place of an array",
           lambda: step("return ['x' * 9_000] + [''] * 15_000"), 90),
    Attack("returns-rows", "results", "a list of a million rows of one byte",
           lambda: step("return list(np.zeros((10**6, 1), np.uint8))"), 90),
    Attack("returns-nested", "results", "a tuple of tuples, described at a length of 200,000",
           lambda: step("a = 1.0\nfor _ in range(6): a = (a,) * 5\nreturn a"), 90),
    Attack("returns-complex", "results", "the right numbers with nan as imaginary parts",
           lambda: step(RIGHT.strip() + " + 1j * np.nan"), 90),
    Attack("returns-changing", "results", "an array class that is another one at each look",
           lambda: step("class Two(np.ndarray):\n    n = 0\n    def __array__(s, *a, **k):\n"
                        "        Two.n += 1\n        return np.zeros(h.shape) if Two.n % 2 else h\n"
                        "return np.zeros(h.shape).view(Two)"), 90),
    Attack("returns-deep", "results", "a list that holds itself",
           lambda: step("a = []\na.append(a)\nreturn a"), 90),
    Attack("parity-broadcast", "results", "weights whose sum is an array of gigabytes",
           lambda: solved(parity_weights=PARITY + "    return (np.ones((1, 1, 30000), bool), "
                          "np.ones(13000), np.ones((13000, 1)), np.ones(13000), 0.0)"), 85),
    # the protocol
    Attack("reply-true", "protocol", "the function answers the grader itself: all is well",
           lambda: reply("send({'id': number, 'score': 100, 'passed': True, 'sizes': []})"), 90),
    Attack("reply-early", "protocol", "answers to later requests are sent in advance",
           lambda: step(ANSWER.replace("    time.sleep(60)\n", "") + "for n in range(number, "
                        "number + 50):\n    send({'id': n, 'value': {'plain': True}, 'sizes': []})"
                        "\nreturn h"), 90),
    Attack("reply-rows", "protocol", "a list of a billion rows that take no bytes",
           lambda: reply("value({'rows': 0}, npy('<f8', (10**9, 0)))"), 90, fast=True),
    Attack("reply-copies", "protocol", "twenty thousand copies of one array of a megabyte",
           lambda: reply("value({'tuple': [{'array': 0}] * 19_000}, "
                         "npy('|u1', (1_000_000,), bytes(1_000_000)))"), 90),
    Attack("reply-text", "protocol", "a text of 900 kB in a list of thousands",
           lambda: reply("value({'list': [{'plain': 'x' * 600_000}] + [{'plain': ''}] * 15_000})"),
           90),
    Attack("reply-lies", "protocol", "an array says that it is larger than its bytes",
           lambda: reply("value({'array': 0}, npy('<f8', (1 << 40,), b'1'))"), 90),
    Attack("reply-objects", "protocol", "an array file of pickled objects",
           lambda: reply("value({'array': 0}, npy('|O', (1,), b'\\x80\\x04.'))"), 90),
    Attack("reply-endless", "protocol", "a reply of four gigabytes is announced",
           lambda: reply("send(b'{}', (), (100, 2**32 - 1))"), 90),
    Attack("reply-deep", "protocol", "a reply of a hundred thousand brackets",
           lambda: reply("send(b'[' * 100_000)"), 90),
    Attack("reply-numbers", "protocol", "a number of 4,000 digits, NaN and a line that is no line",
           lambda: reply("send(b'{\"id\": %d, \"sizes\": [], \"error\": {\"type\": \"E\", "
                         "\"message\": \"\\\\ud800\", \"place\": [\"c\", %s]}, \"value\": "
                         "{\"tuple\": [{\"plain\": NaN}, {\"tuple\": []}]}}' "
                         "% (number, b'9' * 4000))"), 90),
    Attack("driver-replaced", "protocol", "the driver's own functions are replaced",
           lambda: first(DRIVER)),
    Attack("dies-unless-sure", "protocol", "ends the process where the answer would be wrong",
           lambda: solved(count_params=COUNT + DIES), 90, fast=True),
    Attack("hangs-unless-sure", "protocol", "hangs where the answer would be wrong",
           lambda: solved(count_params=COUNT + HANGS), 90),
    Attack("stashes-inputs", "protocol", "inputs are kept in files for a second try",
           lambda: solved(elman_step=STEP + STASH), 90),
    # the process and the machine
    Attack("exits", "process", "a cell ends the process", lambda: first(
        "import os; os._exit(0)", solved()), 100, fast=True),
    Attack("exits-in-call", "process", "a function ends the process",
           lambda: step("import os; os._exit(0)"), 90),
    Attack("segfault", "process", "a function reads where nothing is",
           lambda: step("import ctypes; ctypes.string_at(0)"), 90),
    Attack("loops", "process", "a cell that never ends and swallows interrupts",
           lambda: first(SIGNALS, solved()), 100),
    Attack("loops-in-call", "process", "a function that never ends",
           lambda: step("while True: pass"), 90),
    Attack("memory", "process", "a function takes all memory there is",
           lambda: step("hog = []\nwhile True: hog.append(np.ones(1 << 24))"), 90),
    Attack("forks", "process", "three hundred processes", lambda: first(FORK)),
    Attack("threads", "process", "thousands of threads, of which a system has so many",
           lambda: step(THREADS), 90, fast=True, stock="it would take the system's last thread"),
    Attack("outputs", "process", "1,900 cells that print control characters",
           lambda: solved() | {"cells": solved()["cells"] + 1900 * [added(
               "print('\\x01' * 10_000)")]}, 100),
    Attack("output", "process", "50 MB of output",
           lambda: first(f"for _ in range(500): {LOUD}", solved()), 100),
    Attack("orphans", "process", "processes that are to outlive the grading",
           lambda: first(ORPHAN)),
    Attack("kills", "process", "every process it can name is killed",
           lambda: first("import os, signal\nfor pid in [*range(2, 400), -1]:\n"
                         "    try: os.kill(pid, signal.SIGKILL)\n    except OSError: pass")),
    Attack("network", "process", "connects to the machine and listens", lambda: first(NETWORK)),
    # what is to be read and written
    Attack("reads-solutions", "files", "looks for the instructor's notebook and runs it",
           lambda: alone(FIND)),
    Attack("reads-checks", "files", "loads checks.py for its reference", lambda: alone(CHECKS)),
    Attack("reads-others", "files", "runs what another student has handed in",
           lambda: alone(OTHERS)),
    Attack("writes-gradebook", "files", "gives itself points in the gradebook",
           lambda: first(GRADEBOOK)),
    Attack("reads-environment", "files", "looks for names and secrets in the environment",
           lambda: first("import os, re\nprint({k: v for k, v in os.environ.items() "
                         "if 'COURSE' in v or 'TOKEN' in k or 'PASS' in k})\n"
                         "assert 'RNNLIB_SECRET' not in os.environ, 'leak-MARK'\n"
                         "for f in ('/proc/1/environ', '/proc/self/environ'):\n"
                         "    assert b'RNNLIB_SECRET' not in open(f, 'rb').read(), 'leak-MARK'")),
    Attack("writes", "files", "writes wherever it can", lambda: first(WRITE), fast=True),
    Attack("shadows", "files", "modules of its own in place of NumPy's and others",
           lambda: first(SHADOW)),
    Attack("beside", "files", "modules and hooks are handed in beside the notebook",
           lambda: beside("numpy.py", "open('CANARY/attack-MARK', 'w')", blank())),
    Attack("imports-rnnlib", "files", "takes the answer from rnnlib",
           lambda: solved(elman_step=RNNLIB), 90),
    Attack("finds-rnnlib", "files", "looks for rnnlib on all of the disk",
           lambda: solved(elman_step=RNNLIB_FILES), 90),
    Attack("imports-torch", "files", "takes the answer from torch",
           lambda: solved(elman_step=TORCH), 90),
    Attack("links-solution", "files", "the notebook is a link to the instructor's",
           linked(lambda f, p: p.course / "solutions" / NAME / f"{NAME}.ipynb"), refused=True,
           fast=True),
    Attack("links-up", "files", "the notebook is a relative link out of its folder",
           linked(lambda f, p: Path("../../../../solutions") / NAME / f"{NAME}.ipynb"),
           refused=True),
    Attack("links-nowhere", "files", "the notebook is a link to itself",
           linked(lambda f, p: f / f"{NAME}.ipynb"), refused=True),
    Attack("links-folder", "files", "the folder is a link to the instructor's",
           folder(linked_folder), refused=True),
    Attack("links-sibling", "files", "the folder is a link to another student's",
           folder(linked_sibling), refused=True),
    # broken files
    Attack("fifo", "broken", "a pipe that nobody writes to", folder(fifo), refused=True,
           stock="it would wait for ever, outside of any time limit"),
    Attack("sparse", "broken", "16 GB of nothing", folder(sparse), refused=True,
           stock="it would copy 16 GB"),
    Attack("a-folder", "broken", "a folder in place of the notebook", folder(is_a_folder),
           refused=True),
    Attack("two-thousand-files", "broken", "two thousand empty notebooks of other names",
           folder(many), refused=True),
    Attack("empty", "broken", "an empty file", raw(b""), refused=True),
    Attack("binary", "broken", "bytes that are no text", raw(bytes(range(256)) * 99), refused=True),
    Attack("zip", "broken", "a zip file under the notebook's name", zipped, refused=True),
    Attack("web-page", "broken", "the page of a login form", raw(b"<!DOCTYPE html><p>Log in"),
           refused=True),
    Attack("cut-off", "broken", "half of a notebook", lambda: dump(solved())[:30_000],
           refused=True),
    Attack("merge-conflict", "broken", "a notebook with marks of a merge conflict", conflict,
           refused=True),
    Attack("brackets", "broken", "200,000 brackets", raw(JSON_BOMB), refused=True),
    Attack("newlines", "broken", "ten million empty lines in a broken file",
           raw(b"{" + b"\n" * 10_000_000 + b"x"), refused=True),
    Attack("format-5", "broken", "a notebook of a format that is not there yet",
           lambda: set_top(nbformat=5), refused=True),
    Attack("no-cells", "broken", "cells are text", lambda: set_top(cells="none"), refused=True),
    Attack("a-list", "broken", "JSON, but a list", raw(b"[1, 2, 3]"), refused=True),
    Attack("old-and-large", "broken", "20 MB of empty objects in a format that is converted",
           lambda: b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {"x": [' + b"{}," * 6_500_000
           + b'{}]}, "worksheets": [{"cells": []}]}', refused=True, stock="it would take 4 GB"),
    Attack("much-text", "broken", "nine cells of 150,000 characters",
           lambda: solved() | {"cells": solved()["cells"] + 9 * [added("#" * 150_000)]},
           refused=True),
    Attack("many-cells", "broken", "a hundred thousand cells",
           lambda: last("", solved() | {"cells": [added("1")] * 100_000}), refused=True),
    # pages and terminals
    Attack("html-in-messages", "pages", "HTML and escapes of a terminal in an exception",
           lambda: step(f"raise ValueError({HTML!r} + '\\x1b]0;owned\\x07\\x1b[2J')"), 90),
    Attack("html-in-names", "pages", "HTML in the name of an exception and of a type",
           lambda: step(f"raise type({HTML!r}, (Exception,), {{}})('x')"), 90),
    Attack("lines-in-names", "pages", "the name of a type says that all is right",
           lambda: step("return type('x\\nRight on 10 fresh inputs.\\x1b]0;owned\\x07', (), {})()"),
           90),
    Attack("html-shown", "pages", "HTML and JavaScript are displayed",
           lambda: first("from IPython.display import HTML, Javascript, display\n"
                         f"display(HTML({HTML!r}), Javascript('alert(1)'))\nprint({HTML!r})",
                         solved()), 100),
    Attack("html-in-markdown", "pages", "scripts and links that run in a written answer",
           lambda: solved(**{"question-answer": MARKDOWN}), 100),
    # honest but odd
    Attack("stderr", "honest", "a warning on stderr",
           lambda: first("import sys, warnings\nwarnings.warn('old'); print('!', file=sys.stderr)",
                         solved()), 100, fast=True),
    Attack("logs", "honest", "a logger on stderr in every call",
           lambda: step("import logging\nlogging.warning('step')\n" + RIGHT.strip()), 100),
    Attack("bom", "honest", "a byte order mark before the notebook",
           lambda: b"\xef\xbb\xbf" + dump(solved()), 100),
    Attack("utf-16", "honest", "a notebook in UTF-16",
           lambda: json.dumps(solved(), ensure_ascii=False).encode("utf-16"), 100),
    Attack("format-3", "honest", "a notebook in the format of IPython 2", old_format, 100),
    Attack("renamed", "honest", "a browser has called it 01-forward (1).ipynb",
           folder(wrong_name), 100),
    Attack("extra-cells", "honest", "experiments, plots of text, and a failing cell",
           lambda: last("1/0", first("import numpy as np\nprint(np.arange(9))", solved())), 100),
    Attack("prints", "honest", "prints in every call",
           lambda: step("print('h is', h)\n" + RIGHT.strip()), 100),
    Attack("slow", "honest", "slow, but right",
           lambda: step("import time; time.sleep(0.05)\n" + RIGHT.strip()), 100),
    Attack("float32", "honest", "single precision",
           lambda: step("return np.tanh(x @ W_x.T + h @ W_h.T + b).astype(np.float32)"), 100),
    Attack("lists", "honest", "lists in place of tuples and numbers as arrays",
           lambda: solved(count_params=COUNT + SUM.replace("return ", "return np.int64(0) + ")),
           100),
    Attack("helper-below", "honest", "a helper function stands below its use",
           lambda: last("def squash(a): return np.tanh(a)",
                        step(RIGHT.strip().replace("np.tanh", "squash"))), 100),
    Attack("magics", "honest", "magics of IPython",
           lambda: first("%matplotlib inline\n%time 1 + 1\n!echo hello", solved()), 100),
    Attack("half", "honest", "half of the functions are written",
           lambda: (lambda s: blank(**{c["id"]: c["source"] for c in s["cells"] if c["id"] in
                                       ("elman_step", "leaky_step", "unroll")}))(solved()), 55),
    Attack("syntax-error", "honest", "one cell with a syntax error",
           lambda: solved(softmax_xent="def softmax_xent(:"), 80),
    Attack("name-in-greek", "honest", "a student whose folder has a homoglyph and an apostrophe",
           solved, 100, student="zz-ѕtudent-o'β"),
    Attack("name-long", "broken", "a student whose folder has a name of 250 bytes", solved, 100,
           student="zz-" + "n" * 247, stock="nbgrader cannot write a file of that name"),
)  # fmt: skip
