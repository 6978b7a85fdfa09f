"""Google's BigQuery client, and how long a call of it may take: every call has a timeout."""

from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

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
