from types import ModuleType

import pytest

from tests.fixtures.indexes import TWINS, WRITERS


@pytest.fixture(params=list(TWINS.values()), ids=list(TWINS))
def twin(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


@pytest.fixture(params=list(WRITERS))
def writer(request: pytest.FixtureRequest) -> ModuleType:
    return WRITERS[str(request.param)]
