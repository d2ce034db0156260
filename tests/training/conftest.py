import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def small():
    """The makers of small things in `small.py`."""
    spec = importlib.util.spec_from_file_location(
        "small_training", Path(__file__).with_name("small.py")
    )
    module = sys.modules["small_training"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
