import asyncio
from datetime import timedelta

import pytest
from tests.rollout.conftest import BEGAN

