"""The templates that are shipped: they load, resolve, hold no one's address or project, and read only what they may."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.adapters.template_files import TemplateFiles
from shared.contracts.sql import Sql
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.desk.files import GENERATED
from shared.errors import VariablesInvalid
from shared.templating.isolation import Policy, guard
from shared.templating.resolution import resolve
from shared.templating.sql import bind
from shared.templating.variables import Variables
from tests.unit.templating.given import BUILT_IN, OPERATOR

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
FILES = TemplateFiles(CONFIGS)
BILLING = TemplateAddress("gcp", "cost", "cost_billing")
TENANT = {"admin_email": "admin@acmeinc.com"}


def resolved(address: TemplateAddress, request: dict[str, object] | None = None) -> Variables:
    return resolve(FILES.get(address), operator=OPERATOR, tenant=TENANT, request=request or {}, built_in=BUILT_IN)


def test_every_file_is_a_template_in_its_place() -> None:
    found = {path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*") if path.is_file()}

    assert found == {address.path for address in FILES.addresses()} | {"sources.yml", *GENERATED}


def test_make_templates_finds_no_fault() -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cli", "templates"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ templates?, \d+ schemas: no fault", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout
    assert time.monotonic() - started < 20, "it takes under a second on an idle machine"


@pytest.mark.parametrize("address", FILES.addresses(), ids=str)
def test_every_template_shows_how_it_is_called(address: TemplateAddress) -> None:
    text = (CONFIGS / address.path).read_text()

    assert text.startswith("# ")
    assert "#   curl -X POST" in text


def test_no_template_holds_an_address_a_project_or_a_key() -> None:
    for path in CONFIGS.rglob("*.yml"):
        code = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
        assert not re.search(r"@[a-z]+\.[a-z]|gac-prod|cloudact|_api_[A-Za-z0-9]{10}", code), path


def test_onboarding_makes_the_six_metadata_tables() -> None:
    config = FILES.get(ONBOARDING).steps[0].fields["config"]
    assert isinstance(config, dict)

    assert [table["table_name"] for table in config["metadata_tables"]] == [
        "x_meta_api_keys",
        "x_meta_cloud_credentials",
        "x_meta_pipeline_runs",
        "x_meta_step_logs",
        "x_meta_dq_results",
        "x_meta_tenant",
    ]
    for table in config["metadata_tables"]:
        assert (CONFIGS.parent / "templates/customer/onboarding/schemas" / table["schema_file"]).is_file()


def test_the_billing_query_reads_the_tenants_own_rows_of_its_date() -> None:
    source = FILES.get(BILLING).steps[0].fields["source"]
    assert isinstance(source, dict)
    policy = Policy.of(
        "acmeinc_23xv2",
        data_project="data-p",
        default_project="data-p",
        sources=FILES.sources(),
        operator=OPERATOR,
        tenant=TENANT,
    )

    guarded = guard(bind(Sql(source["query"]), resolved(BILLING)), policy)

    sources = [policy.source_of(table) for table in guarded.reads]
    assert [source and source.name for source in sources] == ["gcp_billing_export"]
    assert {parameter.name: parameter.value for parameter in guarded.parameters} == {
        "p1_date": "2025-11-15",
        "s0_1_tenant_id": "acmeinc_23xv2",
    }


def test_a_caller_can_choose_who_is_told_and_not_what_is_read() -> None:
    assert resolved(BILLING, {"admin_email": "finance@acmeinc.com"})["admin_email"] == "finance@acmeinc.com"

    with pytest.raises(VariablesInvalid) as caught:
        resolved(BILLING, {"source_billing_table": "a.b.c", "destination_table": "d", "destination_dataset_type": "e"})
    assert [fault.code for fault in caught.value.faults] == ["variable_protected"] * 3
