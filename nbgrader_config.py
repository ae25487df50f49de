# Where nbgrader finds things and puts them; every nbgrader command reads this file.
#
#   solutions/01-forward/                   instructor notebook and checks.py ("source")
#   exercises/01-forward/                   what students get ("release")
#   grading/submitted/STUDENT/01-forward/   what they hand in
#   grading/                                autograded/, feedback/ and gradebook.db besides

import os
import sysconfig
from pathlib import Path

from rnnlib.grading import plugin

c = get_config()  # noqa: F821  (nbgrader provides it)

root = Path(__file__).resolve().parent
private = root / "grading"  # git ignores it
private.mkdir(exist_ok=True)

c.CourseDirectory.root = str(root)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "grading/submitted"
c.CourseDirectory.autograded_directory = "grading/autograded"
c.CourseDirectory.feedback_directory = "grading/feedback"
c.CourseDirectory.solution_directory = "grading/solution"
c.CourseDirectory.source_with_tests_directory = "grading/source_with_tests"
c.CourseDirectory.db_url = f"sqlite:///{private / 'gradebook.db'}"

# Files beside the notebooks are released too, unless they are named here.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "checks.py"]

c.KernelManager.transport_encryption = "auto"  # or the kernel warns of eavesdroppers every time

# nbgrader calls `alembic` and jupyter_client `python` by name: find ours, activated or not.
scripts = sysconfig.get_path("scripts")
if scripts not in os.environ["PATH"].split(os.pathsep):
    os.environ["PATH"] = scripts + os.pathsep + os.environ["PATH"]

# `nbgrader autograde` runs students' code in a sandbox and judges it by solutions/*/checks.py.
plugin.install(c)
