"""Grading that does not trust the student's code: ``python -m rnnlib.grading --help``.

What was handed in is rebuilt from the release (:mod:`rnnlib.grading.intake`), its cells run in a
sandbox (:mod:`rnnlib.grading.sandbox`), and its functions are called on fresh inputs and judged in
this process (:mod:`rnnlib.grading.judge`), by the ``checks.py`` of the assignment, whose form is
:mod:`rnnlib.grading.table`. :mod:`rnnlib.grading.plugin` makes nbgrader do all of this.
"""
