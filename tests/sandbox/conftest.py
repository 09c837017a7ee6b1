"""One small world, one server for all tests; every test says which moment it asks at."""

import pandas as pd
import pytest
from sandbox_api import Api, moment

from sandbox.dump import dump
from sandbox.parameters import size_named
from sandbox.server import start
from sandbox.state import State
from sandbox.timeline import to_ms
from sandbox.world import generate


@pytest.fixture(scope="session")
def world():
    return generate(size_named("small"), 7)


@pytest.fixture(scope="session")
def truth(world, tmp_path_factory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("truth")
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in dump(world, folder)}


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with start("small", 7, state_dir=tmp_path_factory.mktemp("sandbox")) as handle:
        yield handle


@pytest.fixture(scope="session")
def api(server) -> Api:
    return Api(server.url)


@pytest.fixture
def no_faults(api):
    """Leave no fault behind, and none found."""
    yield
    api.http.delete(f"{api.url}/_sandbox/faults")


@pytest.fixture
def state_at(world, tmp_path):
    """A state of the shared world at a moment, without a server."""

    def make(text: str, folder: str = "state") -> State:
        return State(tmp_path / folder, world.size, world.seed, to_ms(moment(text)), world=world)

    return make
