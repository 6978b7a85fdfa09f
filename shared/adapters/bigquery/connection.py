"""Google's BigQuery client, and how long a call of it may take: every call has a timeout."""

from collections.abc import Callable
from typing import Any, TypeVar

from google.api_core import exceptions as google
from google.api_core.client_options import ClientOptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

from shared.errors import Unavailable

T = TypeVar("T")

# The client would retry for 600 s, which is the whole push deadline; a redelivery is the better retry.
CALL_TIMEOUT_S = 20.0
RETRY_S = 60.0
RETRY = DEFAULT_RETRY.with_timeout(RETRY_S)
CALL: dict[str, Any] = {"retry": RETRY, "timeout": CALL_TIMEOUT_S}
# Sixteen runs at once, whose ends are three calls at once; requests keeps ten connections.
CONNECTIONS = 64


def client(project: str, location: str, endpoint: str) -> bigquery.Client:
    """Google's client; with an endpoint, of an embedded BigQuery that asks for no credentials."""
    if endpoint:
        made = bigquery.Client(
            project,
            AnonymousCredentials(),
            location=location,
            client_options=ClientOptions(api_endpoint=endpoint),
        )
    else:
        made = bigquery.Client(project, location=location)
    # A connection that finds the pool full is closed after one call, and the next call makes another.
    for scheme in ("https://", "http://"):
        made._http.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    return made


def shown_late(get: Callable[[], T], job_id: str, *, timeout_s: float) -> T:
    """A job whose id was refused as used, by the call that gets it: asked again while the service does not show it.

    It was started, and jobs.get can answer 404 for a while (facts 36). At least one call; raises Unavailable when the
    job is not shown within `timeout_s`.
    """
    again = Retry(predicate=if_exception_type(google.NotFound), initial=0.5, maximum=10.0, timeout=timeout_s)
    try:
        return again(get)()
    except (google.NotFound, google.RetryError) as error:
        raise Unavailable(f"BigQuery has refused job id {job_id} as used, and does not show the job yet") from error
