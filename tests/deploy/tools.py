"""The tools that judge what is in `deploy`: those of requirements/deploy.txt."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def tool(name: str) -> str:
    """Its path: beside the Python that runs, or on the PATH."""
    beside = str(Path(sys.executable).parent)
    path = shutil.which(name, path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    if path is None:
        raise FileNotFoundError(
            f"{name} is missing: pip install -r requirements/deploy.txt (`make prove` does it)"
        )
    return path
