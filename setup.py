"""What pyproject.toml cannot say: the kept results of experiments are in the wheel.

They lie with the book, and there in ``rnnlib/results``.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithResults(build_py):
    """Copies the results beside the modules; an editable install finds them in the repository."""

    def run(self) -> None:
        super().run()
        results = Path("book", "results")
        if results.is_dir() and not self.editable_mode:
            shutil.copytree(results, Path(self.build_lib, "rnnlib", "results"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithResults})
