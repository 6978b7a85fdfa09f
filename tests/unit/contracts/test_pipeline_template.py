"""Reading template files: what passes, and what every fault says."""

import hashlib
import time

import pytest

from shared.contracts.files.pipeline_template import MAX_FILE_BYTES, PipelineTemplate, read_template
from shared.contracts.files.shared_sources import read_sources
from shared.contracts.files.variable_spec import VariableSpec
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.errors import TemplateInvalid, TemplateNotFound

GOOD = b"""pipeline_id: "{tenant_id}-x"
description: what it does
variables:
  table: daily
  limit: 10
  names: [a, b]
  note: {default: hello, type: string, description: greets}
steps:
  - step_id: one
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT 1
    timeout: 60
    retry: {attempts: 3, backoff_s: 2}
  - step_id: two
    ps_type: shared.email_notification
    trigger: on_failure
    depends_on: [one]
    to_emails: ["{admin_email}"]
"""


def read(data: bytes) -> PipelineTemplate:
    return read_template(data, address=TemplateAddress("gcp", "cost", "x"), file="configs/gcp/cost/x.yml")


def faults(data: bytes) -> list[str]:
    with pytest.raises(TemplateInvalid) as caught:
        read(data)
    return [f"{fault.where}: {fault.message}" for fault in caught.value.faults]


def test_a_good_template_is_read_with_its_lines() -> None:
    template = read(GOOD)

    one, two = template.steps
    assert template.version == hashlib.sha256(GOOD).hexdigest()[:16]
    assert (one.name, one.trigger, one.retry.attempts, one.timeout, one.line) == ("one", "on_success", 3, 60, 9)
    assert (two.trigger, two.depends_on, two.fields) == ("on_failure", ("one",), {"to_emails": ["{admin_email}"]})
    assert template.where((*one.path, "source", "query")) == "configs/gcp/cost/x.yml:12"
    assert template.variables["table"] == VariableSpec(default="daily")
    assert template.variables["limit"] == VariableSpec(default=10, type="int")
    assert template.variables["names"] == VariableSpec(default=("a", "b"), type="list[string]")


def test_words_that_yaml_1_1_takes_for_something_else_stay_text() -> None:
    template = read(
        b"pipeline_id: no\nvariables: {a: on, b: 2025-11-15, c: 12:30, d: 0777}\n" + GOOD[GOOD.index(b"steps") :]
    )

    assert template.pipeline_id == "no"
    assert [spec.default for spec in template.variables.values()] == ["on", "2025-11-15", "12:30", "0777"]


def test_all_faults_of_a_file_are_named_at_once() -> None:
    found = faults(b"""pipeline_id: x
descripton: typo
steps:
  - step_id: One
    ps_type: nodot
    triger: on_failure
  - step_id: two
    ps_type: a.b
    trigger: on_fail
    retry: {attempt: 2}
""")

    assert found == [
        "configs/gcp/cost/x.yml:2: descripton: unknown key; did you mean 'description'?",
        "configs/gcp/cost/x.yml:4: steps.0.step_id: must match ^[a-z0-9_]+$",
        "configs/gcp/cost/x.yml:5: steps.0.ps_type: must match ^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$",
        (
            "configs/gcp/cost/x.yml:9: two.trigger: must be one of 'on_success', 'on_failure', 'always';"
            " did you mean 'on_failure'?"
        ),
        "configs/gcp/cost/x.yml:10: two.retry.attempt: unknown key; did you mean 'attempts'?",
    ]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\na: 2", 2, "'a' is there twice, first on line 1"),
        ("a: &x 1\nb: *x", 1, "anchor &x"),
        ("a: 1\nb: *x", 2, "alias *x"),
        ("a: {<<: {b: 1}}", 1, "merge key"),
        ("a: !!python/object:os.system x", 1, "tag"),
        ("a: !x 1", 1, "tag"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: {b}: 1", 1, "not YAML"),
        ("a: [1", 1, "not YAML"),
        ("a: \x00", 1, "YAML"),
        ("a: " + "[" * 60_000, 1, "nested deeper"),
        ("a: " + "[" * 30 + "]" * 30, 1, "nested deeper"),
        ("? {a: 1}\n: 2", 1, "a key is plain text"),
        ("- a\n- b", 1, "a template is a mapping"),
        ("", 1, "a template is a mapping"),
        ("just text", 1, "a template is a mapping"),
    ],
)
def test_yaml_that_could_surprise_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    found = faults(text.encode())

    assert any(one.startswith(f"configs/gcp/cost/x.yml:{line}: ") and says in one for one in found)


def test_a_billion_laughs_are_refused_without_being_counted() -> None:
    bomb = "a: &a [x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)},*{chr(97 + i)}]\n" for i in range(20)
    )

    assert "anchor" in faults(bomb.encode())[0]


def test_a_file_that_is_too_large_or_no_text_is_refused() -> None:
    assert "at most 65536" in faults(b"#" * (MAX_FILE_BYTES + 1))[0]
    assert faults(b"a: 1\nb: \xff") == ["configs/gcp/cost/x.yml:2: not UTF-8 text; save the file as UTF-8"]


def test_step_ids_are_unique_and_dependencies_exist_and_end() -> None:
    found = faults(b"""pipeline_id: x
steps:
  - {step_id: extract, ps_type: a.b, depends_on: [load]}
  - {step_id: load, ps_type: a.b, depends_on: [extract, extrct]}
  - {step_id: again, ps_type: a.b}
  - {step_id: again, ps_type: a.b}
""")

    assert [one.partition(": ")[2] for one in found] == [
        "extract.depends_on: step 'extract' waits for itself; break the circle",
        "load.depends_on: no step 'extrct'; did you mean 'extract'?",
        "load.depends_on: step 'load' waits for itself; break the circle",
        "steps.3.step_id: 'again' is the id of the step on line 5 too; ids are unique",
    ]


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("tenant_id: x", "built in"),
        ("error_code: x", "built in"),
        ("Bad: x", "lower case"),
        ("x:", "has no value"),
        ("x: {type: strng}", "no type 'strng'; known types: string, int"),
        ("x: {type: int, default: five}", "default must be a whole number"),
        ("x: {type: int, pattern: a}", "pattern is for text"),
        ("x: {type: string, pattern: '('}", "no regular expression of linear time: unclosed group"),
        ("x: {type: string, pattern: '(?=a)b'}", "look-ahead and look-behind, is not supported"),
        ("x: {type: string, pattern: 'a)|(b'}", "unopened group"),
        ("x: {type: string, pattern: '(a{1000}){1000}'}", "exceeds size limit"),
        ("x: {type: string, min: 1}", "min and max are for"),
        ("x: {type: date, min: 1}", "min must be text"),
        ("x: {type: string, enum: []}", "enum is empty"),
        ("x: {type: string, enum: [a], default: b}", "must be one of a"),
        ("x: {type: table, overridable: true}", "needs a pattern or an enum"),
        ("x: {typ: int}", "did you mean 'type'?"),
        ("x: [1, a]", "one scalar type"),
    ],
)
def test_a_variable_that_cannot_work_is_refused_when_the_file_is_read(variable: str, says: str) -> None:
    found = faults(f"pipeline_id: x\nvariables:\n  {variable}\nsteps: [{{step_id: a, ps_type: a.b}}]".encode())

    assert found[0].startswith("configs/gcp/cost/x.yml:3: ")
    assert says in found[0]


def test_an_address_and_its_path_are_the_same_thing() -> None:
    address = TemplateAddress("gcp", "cost", "cost_billing")

    assert TemplateAddress.parse(address.path) == address
    assert TemplateAddress.parse("customer/onboarding.yml") == ONBOARDING


@pytest.mark.parametrize(
    "path",
    [
        "gcp/cost/x.yaml",
        "gcp/cost/x",
        "gcp/x.yml",
        "customer/other.yml",
        "gcp/cost/deep/x.yml",
        "../cost/x.yml",
        "gcp/../x.yml",
        "gcp/cost/..yml",
        "/etc/passwd.yml",
        "gcp/cost/x\n.yml",
        "gcp/cost/X.yml",
        "gcp//x.yml",
        "gcp/cost/%2e%2e.yml",
        "gcp\\cost\\x.yml",
        "gcp/cost/x\x00.yml",
    ],
)
def test_a_path_that_can_be_no_template_has_no_address(path: str) -> None:
    with pytest.raises(TemplateNotFound):
        TemplateAddress.parse(path)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int", 5, "5"),
        ("int", -(2**63), 2**63),
        ("int", 5, True),
        ("float", 5, "5"),
        ("float", 1.5, float("nan")),
        ("bool", True, "true"),
        ("date", "2025-11-15", "20251115"),
        ("date", "2024-02-29", "2025-02-29"),
        ("date", "2025-11-15", "2025-11-15\n"),
        ("email", "a.b+c@acme.co.uk", "a@b"),
        ("email", "a@acme.com", "a@acme.com\n"),
        ("email", "a@acme.com", "a@acme.com,b@acme.com"),
        ("identifier", "a_1-b", "a.b"),
        ("table", "my-p.d.t", "my-p.d.t`"),
        ("table", "example.com:p.d.t", "t"),
        ("dataset_type", "gcp_silver", "gcp__silver"),
        ("string", "x" * 4096, "x" * 4097),
        ("string", "ü", "\ud800"),
        ("string", "", "\0"),
        ("string", "5", 5),
        ("list[int]", [1, 2], [1, "2"]),
        ("list[string]", [], "a"),
        ("list[date]", ["2025-11-15"], ["x"]),
    ],
)
def test_a_value_must_be_of_its_type(kind: str, good: object, bad: object) -> None:
    spec = VariableSpec(type=kind)

    spec.read(good)

    with pytest.raises(ValueError, match=r"must|has|holds"):
        spec.read(bad)


@pytest.mark.parametrize("pattern", ["([a-z]+-?)+", "(a|aa)+", "(.*)*x", "(a?){200}a{200}"])
def test_no_pattern_of_an_author_takes_long_for_a_text_of_a_caller(pattern: str) -> None:
    spec = VariableSpec(pattern=pattern)
    began = time.perf_counter()

    with pytest.raises(ValueError, match="must match"):
        spec.read("a" * 4_095 + "!")

    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("text", ["ab\n", "\nab", "xab", "abx", "ab\nab", "ac"])
def test_a_pattern_must_match_the_whole_of_a_text(text: str) -> None:
    spec = VariableSpec(pattern="ab|a")
    spec.read("ab")

    with pytest.raises(ValueError, match="must match"):
        spec.read(text)


def test_steps_that_are_there_twice_are_checked_as_they_come_first() -> None:
    step = b"[{step_id: a, ps_type: a.b}]"
    assert faults(b"pipeline_id: x\nsteps: [{step_id: a}]\nsteps: " + step) == [
        "configs/gcp/cost/x.yml:2: a.ps_type: is missing",
        "configs/gcp/cost/x.yml:3: 'steps' is there twice, first on line 2; keep one",
    ]


def test_a_character_that_is_no_text_is_named_with_its_line() -> None:
    assert faults(b"pipeline_id: x\nsteps: \x00\n") == [
        "configs/gcp/cost/x.yml:2: this is no YAML text: character U+0000 may not stand in it; delete it"
    ]


def test_a_wrong_value_is_never_repeated_in_its_message() -> None:
    with pytest.raises(ValueError, match="must be a date") as caught:
        VariableSpec(type="date").read("s3cret")

    assert "s3cret" not in str(caught.value)


def test_sources_are_read_strictly() -> None:
    (source,) = read_sources(
        b"- {name: a, table: p.d.t, tenant_filter: \"x = '{tenant_id}'\"}", file="configs/sources.yml"
    )
    assert source.name == "a"

    with pytest.raises(TemplateInvalid) as caught:
        read_sources(b"- {name: a, tabel: p.d.t, tenant_filter: x}\n- 5\n", file="configs/sources.yml")
    assert [f"{one.where}: {one.message}" for one in caught.value.faults][:1] == [
        "configs/sources.yml:1: 0.tabel: unknown key; did you mean 'table'?",
    ]
