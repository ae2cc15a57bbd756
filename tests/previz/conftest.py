import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


class _Cancels:
    """A host's question whether the user has cancelled, who does so when asked for the third time."""

    asked = 0

    def __call__(self):
        self.asked += 1
        if self.asked == 3:
            raise KeyboardInterrupt


@pytest.fixture
def cancels_at_the_third():
    return _Cancels()
