"""Engines are found by name, in one place."""

import pytest

from shared.engines.base import Engine
from shared.engines.registry import ENGINES, engine
from shared.errors import TemplateInvalid


@pytest.mark.parametrize("name", ENGINES)
def test_every_listed_engine_is_there(name: str) -> None:
    assert isinstance(engine(name), Engine)


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_refuses_fields_that_it_does_not_know_and_echoes_none(name: str) -> None:
    config = engine(name).fields_model.model_config
    assert (config.get("extra"), config.get("hide_input_in_errors"), config.get("frozen")) == ("forbid", True, True)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_lives_where_its_name_says(name: str) -> None:
    assert type(engine(name)).__module__ == f"shared.engines.{name}"


def test_an_unknown_engine_is_answered_with_the_nearest() -> None:
    with pytest.raises(TemplateInvalid, match=r"did you mean 'gcp\.bigquery_to_bigquery'"):
        engine("gcp.bigquery_to_bigqery")
