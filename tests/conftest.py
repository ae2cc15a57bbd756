"""What tests of several rooms share."""

import pytest


@pytest.fixture(scope="session")
def backbone():
    """The embedded backbone with its shipped weights; tests on a pretended one have a fixture of their own."""
    from kling_core.previz.backbone import Previz

    return Previz.load(device="cpu")
