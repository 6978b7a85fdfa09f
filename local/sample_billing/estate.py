"""Who runs what in the sample: tenants, projects, and the lines of usage that each reports every hour."""

from dataclasses import dataclass
from datetime import date, timedelta

BILLING_ACCOUNT_ID = "01C3A5-7E9F12-B4D6E8"

# Ids that are prefixes of one another stand beside each other on purpose.
TENANTS = (
    "acmeinc_23xv2",
    "techcorp_99zx4",
    "acmeinc_23xv",
    "acmeinc_23xv20",
    "initech_41qrt",
    "umbrella_8h3kd",
    "globexco_7k2m9",
)
DEMO_TENANTS = TENANTS[:2]
NEVER_ONBOARDED = "globexco_7k2m9"

DAYS = tuple(date(2025, 10, 25) + timedelta(days=n) for n in range(27))  # to 2025-11-20
DEMO_DAY = date(2025, 11, 15)
EMPTY_DAY = date(2025, 11, 11)
QUIET_DAY = date(2025, 11, 2)
DAYS_WITHOUT_ROWS = {"acmeinc_23xv2": {QUIET_DAY}, "techcorp_99zx4": {QUIET_DAY, EMPTY_DAY}}

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sku:
    """A price. `units` of `unit` make one `pricing_unit`, which costs `list_price` USD less `discount_percent`.

    `seller` is named for what the marketplace resells, and None for Google's own.
    """

    service_id: str
    service: str
    sku_id: str
    description: str
    unit: str
    pricing_unit: str
    units: int
    list_price: str
    discount_percent: int = 0
    seller: str | None = None


@dataclass(frozen=True)
class Project:
    """A project, and its folder below the organisation."""

    project_id: str
    number: str
    name: str
    folder: tuple[str, str]
    labels: Labels = ()


@dataclass(frozen=True)
class Place:
    """Where usage happens; a zone implies its region. `global` has neither country nor region."""

    location: str
    country: str | None = None
    region: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class Line:
    """One stream of usage: about `milli` thousandths of a pricing unit an hour, in the hours from `first` to `last`.

    `credits` names entries of `rows.CREDITS`.
    """

    sku: Sku
    project: Project
    place: Place
    milli: int
    labels: Labels = ()
    credits: tuple[str, ...] = ()
    system_labels: Labels = ()
    tags: Labels = ()
    first: int = 0
    last: int = 23


_GIB = 2**30
_HOUR_S = 3_600
_MONTH_S = 2_628_000  # 730 hours, the month of the price list

_COMPUTE = ("6F81-5844-456A", "Compute Engine")
_STORAGE = ("95FF-2EF5-5EA1", "Cloud Storage")
_BIGQUERY = ("24E6-581D-38E5", "BigQuery")
_SQL = ("9662-B51E-5089", "Cloud SQL")
_NETWORK = ("E505-1604-58F8", "Networking")
_LOGGING = ("5490-F7B7-8DF6", "Cloud Logging")
_SUPPORT = ("2062-016F-44A2", "Support")
_MARKETPLACE = ("1B7D-33C1-9A0E", "Fathom Observability (Marketplace)")


def _per_hour(service: tuple[str, str], sku_id: str, text: str, price: str, discount: int = 0) -> Sku:
    return Sku(*service, sku_id, text, "seconds", "hour", _HOUR_S, price, discount)


def _gib_hour(service: tuple[str, str], sku_id: str, text: str, price: str, discount: int = 0) -> Sku:
    return Sku(*service, sku_id, text, "byte-seconds", "gibibyte hour", _GIB * _HOUR_S, price, discount)


def _gib_month(service: tuple[str, str], sku_id: str, text: str, price: str) -> Sku:
    return Sku(*service, sku_id, text, "byte-seconds", "gibibyte month", _GIB * _MONTH_S, price)


def _gib(service: tuple[str, str], sku_id: str, text: str, price: str) -> Sku:
    return Sku(*service, sku_id, text, "bytes", "gibibyte", _GIB, price)


N2_CORE = _per_hour(_COMPUTE, "BB77-5FDA-69D9", "N2 Instance Core running in Americas", "0.031611", 5)
N2_RAM = _gib_hour(_COMPUTE, "5B01-D157-A097", "N2 Instance Ram running in Americas", "0.004237", 5)
E2_CORE = _per_hour(_COMPUTE, "9FE0-8F60-A9F0", "E2 Instance Core running in EMEA", "0.0239927", 5)
E2_RAM = _gib_hour(_COMPUTE, "F268-6CE7-AC16", "E2 Instance Ram running in EMEA", "0.0032158", 5)
N2_COMMITMENT = _per_hour(_COMPUTE, "74A7-94A4-1CA2", "Commitment v1: N2 Cpu in Americas for 1 Year", "0.019915")
PD_SSD = _gib_month(_COMPUTE, "B188-61DD-52E4", "SSD backed PD Capacity", "0.17")
PD_BALANCED = _gib_month(_COMPUTE, "9FFD-0F3A-7E11", "Balanced PD Capacity in Belgium", "0.1")
GCS_US = _gib_month(_STORAGE, "0D5D-6E23-4250", "Standard Storage US Multi-region", "0.026")
GCS_BELGIUM = _gib_month(_STORAGE, "A703-5CB6-E0BF", "Standard Storage Belgium", "0.02")
GCS_CLASS_A = Sku(
    *_STORAGE,
    "4DBF-185F-A415",
    "Standard Storage Multi-Region Class A Operations",
    "requests",
    "count",
    1,
    "0.00001",
)
BQ_ANALYSIS = Sku(*_BIGQUERY, "3362-E469-6BEF", "Analysis (us)", "bytes", "tebibyte", 2**40, "6.25")
BQ_STORAGE = _gib_month(_BIGQUERY, "5AF5-B7F0-1C6E", "Active Logical Storage (us)", "0.02")
SQL_CORE = _per_hour(_SQL, "5C4E-F7E2-8A02", "Cloud SQL for PostgreSQL: Zonal - vCPU in Americas", "0.0413")
SQL_RAM = _gib_hour(_SQL, "7D28-62D9-6A1F", "Cloud SQL for PostgreSQL: Zonal - RAM in Americas", "0.007")
SQL_DISK = _gib_month(_SQL, "3DE2-15D0-9F5E", "Cloud SQL for PostgreSQL: Zonal - Standard storage in Americas", "0.17")
EGRESS = _gib(_NETWORK, "9DE9-9092-B3BC", "Network Internet Data Transfer Out from Americas to Americas", "0.085")
INTER_ZONE = _gib(_NETWORK, "DE9E-AFBC-A15A", "Network Inter Zone Data Transfer Out", "0.01")
STATIC_IP = _per_hour(_COMPUTE, "C054-7F72-A02E", "External IP Charge on a Standard VM", "0.005")
LOG_FREE = _gib(_LOGGING, "143F-A1B0-E0BE", "Log Storage cost (free allotment)", "0")
LOG_PAID = _gib(_LOGGING, "3E4C-8E0D-77B2", "Log Storage cost", "0.5")
SUPPORT = Sku(*_SUPPORT, "2A0C-F0B3-7C5D", "Standard Support minimum fee", "seconds", "month", _MONTH_S, "500")
AGENT = Sku(
    *_MARKETPLACE,
    "5E1D-90AF-2B44",
    "Monitored host (seconds)",
    "seconds",
    "hour",
    _HOUR_S,
    "0.0375",
    seller="Fathom Observability Ltd",
)

_IOWA_A = Place("us-central1-a", "US", "us-central1", "us-central1-a")
_IOWA_F = Place("us-central1-f", "US", "us-central1", "us-central1-f")
_IOWA = Place("us-central1", "US", "us-central1")
_BELGIUM_B = Place("europe-west1-b", "BE", "europe-west1", "europe-west1-b")
_BELGIUM = Place("europe-west1", "BE", "europe-west1")
_US = Place("us", "US")
GLOBAL = Place("global")

ORGANISATION = ("organizations/402211937745", "example-saas.com")
_TENANT_FOLDER = ("folders/771045520318", "Tenants")
_PLATFORM_FOLDER = ("folders/118830046127", "Platform")

ACME = Project("acme-prod-4417", "334410072981", "Acme production", _TENANT_FOLDER, (("env", "prod"),))
TECHCORP = Project("techcorp-prod-8820", "556208813470", "TechCorp production", _TENANT_FOLDER, (("env", "prod"),))
POOL = Project("tenant-pool-eu-3031", "912837465501", "Tenant pool – Zürich", _TENANT_FOLDER)
PLATFORM = Project("platform-shared-7712", "640021187336", "Platform shared", _PLATFORM_FOLDER)


def _machine(cores: int, gib: int) -> Labels:
    spec = (("compute.googleapis.com/cores", str(cores)), ("compute.googleapis.com/memory", str(gib * 1024)))
    return (*spec, ("compute.googleapis.com/machine_spec", f"n2-standard-{cores}"))


_PROD_TAG = (("environment", "production"),)


def _tenant(tenant: str, *others: tuple[str, str]) -> Labels:
    return (("tenant_id", tenant), *others)


_ACME, _TECHCORP = DEMO_TENANTS
_ACME_WEB = (("team", "web"), ("tenant_id", _ACME), ("env", "prod"))
_ACME_DATA = _tenant(_ACME, ("team", "data"), ("cost_center", "cc-1042"))
_TECHCORP_API = (("component", "api"), ("env", "prod"), ("tenant_id", _TECHCORP))
_TECHCORP_MOVED = (("migrated_from", _ACME), ("tenant_id", _TECHCORP))

# What each tenant uses. A tenant's label is not always the first one.
TENANT_LINES: dict[str, tuple[Line, ...]] = {
    _ACME: (
        Line(N2_CORE, ACME, _IOWA_A, 48_000, _ACME_WEB, ("cud_cpu", "sud"), _machine(16, 64), _PROD_TAG),
        Line(N2_RAM, ACME, _IOWA_A, 192_000, _ACME_WEB, ("sud",), _machine(16, 64), _PROD_TAG),
        Line(PD_SSD, ACME, _IOWA_A, 2_740, _ACME_WEB),
        Line(STATIC_IP, ACME, _IOWA, 6_000, _ACME_WEB),
        Line(EGRESS, ACME, _IOWA, 11_300, _ACME_WEB),
        Line(INTER_ZONE, ACME, _IOWA_F, 31_700, _ACME_WEB, first=6, last=21),
        Line(SQL_CORE, ACME, _IOWA, 8_000, _ACME_DATA),
        Line(SQL_RAM, ACME, _IOWA, 30_000, _ACME_DATA),
        Line(SQL_DISK, ACME, _IOWA, 685, _ACME_DATA),
        Line(BQ_ANALYSIS, ACME, _US, 173, _ACME_DATA, ("promotion",), first=1, last=20),
        Line(BQ_STORAGE, ACME, _US, 9_130, _ACME_DATA),
        Line(GCS_US, ACME, _US, 14_210, _tenant(_ACME)),
        Line(GCS_CLASS_A, ACME, _US, 7_411_000, _tenant(_ACME), first=5, last=22),
        Line(E2_CORE, POOL, _BELGIUM_B, 4_000, _tenant(_ACME, ("goog-gke-node", ""))),
    ),
    _TECHCORP: (
        Line(E2_CORE, TECHCORP, _BELGIUM_B, 24_000, _TECHCORP_API),
        Line(E2_RAM, TECHCORP, _BELGIUM_B, 96_000, _TECHCORP_API),
        Line(PD_BALANCED, TECHCORP, _BELGIUM_B, 1_370, _TECHCORP_API),
        Line(EGRESS, TECHCORP, _BELGIUM, 5_900, _TECHCORP_API),
        Line(GCS_BELGIUM, TECHCORP, _BELGIUM, 22_800, _TECHCORP_MOVED),
        Line(BQ_ANALYSIS, TECHCORP, _US, 311, _TECHCORP_MOVED, ("free_tier", "promotion"), first=2, last=19),
        Line(BQ_STORAGE, TECHCORP, _US, 3_200, _tenant(_TECHCORP)),
        Line(LOG_FREE, TECHCORP, GLOBAL, 1_400, _tenant(_TECHCORP), first=0, last=3),
        Line(LOG_PAID, TECHCORP, GLOBAL, 1_900, _tenant(_TECHCORP), first=4),
        Line(N2_CORE, POOL, _IOWA_F, 4_000, _tenant(_TECHCORP), ("sud",), _machine(4, 16)),
    ),
    "acmeinc_23xv": (
        Line(E2_CORE, POOL, _BELGIUM_B, 4_000, _tenant("acmeinc_23xv", ("env", "prod"))),
        Line(E2_RAM, POOL, _BELGIUM_B, 16_000, _tenant("acmeinc_23xv", ("env", "prod"))),
        Line(GCS_BELGIUM, POOL, _BELGIUM, 1_050, _tenant("acmeinc_23xv")),
    ),
    "acmeinc_23xv20": (
        Line(E2_CORE, POOL, _BELGIUM_B, 2_000, _tenant("acmeinc_23xv20")),
        Line(GCS_BELGIUM, POOL, _BELGIUM, 430, _tenant("acmeinc_23xv20")),
    ),
    "initech_41qrt": (
        Line(N2_CORE, POOL, _IOWA_A, 8_000, _tenant("initech_41qrt"), ("sud",), _machine(8, 32)),
        Line(N2_RAM, POOL, _IOWA_A, 32_000, _tenant("initech_41qrt"), ("sud",), _machine(8, 32)),
        Line(SQL_CORE, POOL, _IOWA, 2_000, _tenant("initech_41qrt", ("team", "tps-reports"))),
        Line(EGRESS, POOL, _IOWA, 900, _tenant("initech_41qrt")),
    ),
    "umbrella_8h3kd": (
        Line(BQ_ANALYSIS, POOL, _US, 96, _tenant("umbrella_8h3kd"), first=6, last=17),
        Line(BQ_STORAGE, POOL, _US, 5_510, _tenant("umbrella_8h3kd")),
        Line(GCS_US, POOL, _US, 7_730, _tenant("umbrella_8h3kd")),
    ),
    NEVER_ONBOARDED: (
        Line(E2_CORE, POOL, _BELGIUM_B, 8_000, _tenant(NEVER_ONBOARDED)),
        Line(E2_RAM, POOL, _BELGIUM_B, 32_000, _tenant(NEVER_ONBOARDED)),
        Line(PD_BALANCED, POOL, _BELGIUM_B, 274, _tenant(NEVER_ONBOARDED)),
    ),
}

# Nobody's: no tenant_id label, an empty one, or one that is mistyped.
SHARED_LINES = (
    Line(N2_CORE, PLATFORM, _IOWA_A, 16_000, (("component", "gateway"),), ("cud_cpu",), _machine(16, 64)),
    Line(N2_RAM, PLATFORM, _IOWA_A, 64_000, (("component", "gateway"),), (), _machine(16, 64)),
    Line(N2_COMMITMENT, PLATFORM, _IOWA, 64_000),
    Line(INTER_ZONE, PLATFORM, _IOWA_A, 84_000),
    Line(LOG_PAID, PLATFORM, GLOBAL, 2_600),
    Line(GCS_CLASS_A, PLATFORM, _US, 812_000, (("tenant_id", ""),), first=0, last=11),
    Line(GCS_US, PLATFORM, _US, 510, (("tenant_id", "acmeinc-23xv2"),)),
    Line(EGRESS, PLATFORM, _IOWA, 700, (("requested_by", "acmeinc_23xv2"),)),
)
