"""Templates from files: what is found, what is named when it is not, and that edits are seen."""

import os
from pathlib import Path

import pytest

from shared.adapters.template_files import TemplateFiles
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.errors import TemplateInvalid, TemplateNotFound

TEXT = "pipeline_id: x\nsteps: [{step_id: a, ps_type: a.b}]\n"
BILLING = TemplateAddress("gcp", "cost", "cost_billing")


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    for name in ("customer/onboarding.yml", "gcp/cost/cost_billing.yml", "gcp/cost/old.yaml", "gcp/readme.yml"):
        path = tmp_path / "configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT)
    return tmp_path / "configs"


def test_templates_are_listed_without_what_can_be_none(configs: Path) -> None:
    assert TemplateFiles(configs).addresses() == [ONBOARDING, BILLING]


def test_a_template_is_read_once_until_its_file_changes(configs: Path) -> None:
    files = TemplateFiles(configs)
    first = files.get(BILLING)
    assert files.get(BILLING) is first

    path = configs / BILLING.path
    path.write_text(TEXT.replace("pipeline_id: x", "pipeline_id: y"))
    os.utime(path, ns=(1, 1))  # the same size: only the time tells

    assert files.get(BILLING).pipeline_id == "y"


def test_a_template_that_is_not_there_is_answered_with_the_nearest_names(configs: Path) -> None:
    with pytest.raises(TemplateNotFound, match="did you mean 'gcp/cost/cost_billing'"):
        TemplateFiles(configs).get(TemplateAddress("gcp", "cost", "cost_biling"))


def test_a_wrong_extension_is_named(configs: Path) -> None:
    with pytest.raises(TemplateNotFound, match=r"configs/gcp/cost/old\.yaml has the wrong extension; rename it to"):
        TemplateFiles(configs).get(TemplateAddress("gcp", "cost", "old"))


def test_a_file_that_breaks_and_is_mended_is_seen_at_once(configs: Path) -> None:
    files = TemplateFiles(configs)
    path = configs / BILLING.path
    path.write_text("pipeline_id: x\n")
    with pytest.raises(TemplateInvalid, match=r"configs/gcp/cost/cost_billing\.yml:1: steps: is missing"):
        files.get(BILLING)

    path.write_text(TEXT)

    assert files.get(BILLING).pipeline_id == "x"


def test_a_template_that_was_removed_is_gone(configs: Path) -> None:
    files = TemplateFiles(configs)
    files.get(BILLING)
    (configs / BILLING.path).unlink()

    with pytest.raises(TemplateNotFound):
        files.get(BILLING)


def test_without_sources_file_there_are_no_shared_sources(configs: Path) -> None:
    files = TemplateFiles(configs)
    assert files.sources() == ()

    (configs / "sources.yml").write_text("- {name: a, table: p.d.t, tenant_filter: 'true'}\n")

    assert [source.name for source in files.sources()] == ["a"]
