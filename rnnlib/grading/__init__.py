"""Grading: what an assignment asks for, and what its points hang on.

:mod:`rnnlib.grading.table` is the form in which the ``checks.py`` of each assignment says it.
"""
