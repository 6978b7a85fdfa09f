"""The plans that tests of terraform/ look at."""

import pytest

from tests.repo.terraform_plan import VAR_FILES, made, plan


@pytest.fixture(params=VAR_FILES)
def planned(request):
    """The plan of each kind of deployment."""
    return plan(request.param)


@pytest.fixture
def functions(planned):
    """What is known of the functions, by their deployed names."""
    return {one["name"]: one for one in made(planned, "google_cloudfunctions2_function").values()}
