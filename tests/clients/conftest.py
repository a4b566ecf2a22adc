"""Fixtures: one served account for all tests, begun anew for each."""

from pathlib import Path

import pytest

from account import Sandbox

HERE = Path(__file__).parent
NODES = HERE / "nodes.toml"
LAST = "test_coverage.py"


@pytest.fixture(scope="session")
def served():
    sandbox = Sandbox()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(served):
    """An empty account."""
    served.reset()
    return served


@pytest.fixture
def ec2(sandbox):
    return sandbox.client("ec2")


@pytest.fixture
def autoscaling(sandbox):
    return sandbox.client("autoscaling")


@pytest.fixture
def ssm(sandbox):
    return sandbox.client("ssm")


@pytest.fixture(scope="session")
def fleet():
    sandbox = Sandbox(NODES)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def world(fleet):
    """The account of `nodes.toml`."""
    fleet.reset(NODES)
    return fleet


@pytest.fixture
def nodes(world):
    """Its managed nodes, by name."""
    known = world.client("ssm").describe_instance_properties(MaxResults=1000)["InstanceProperties"]
    return {one["Name"]: one["InstanceId"] for one in known}


@pytest.fixture
def imagebuilder(sandbox):
    return sandbox.client("imagebuilder")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """The ledger is judged last, and only when everything has been run."""
    judged = [item for item in items if item.path.name == LAST]
    items[:] = [item for item in items if item.path.name != LAST]
    chosen = config.option.keyword or config.option.markexpr or any("::" in argument for argument in config.args)
    whole = {item.path.name for item in items} >= {path.name for path in HERE.glob("test_*.py")} - {LAST}
    if whole and not chosen:
        items += judged
