"""A tenant's credentials at cloud providers: kept as ciphertext, opened by the engines that use them."""

import hashlib
import json
from datetime import datetime

from pydantic import SecretStr

from shared.contracts.credentials import PROVIDERS, AwsCredentials
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef, TableSchema
from shared.contracts.tenant import Tenant
from shared.ports import Cipher, Clock, Jobs, Rows
from shared.tenants.dml import change
from shared.tenants.metadata import metadata_table

# One row a provider; two writes at the same moment can leave two.
_MOST_ROWS = 100


def external_id(tenant: Tenant, provider: str) -> str:
    """The id by which a tenant's role at a provider knows that the platform acts for this tenant, and no other.

    The platform chooses it, so that nobody can make it act on another's role (AWS, "The confused deputy problem"). It
    is no secret. It stays the same for a tenant, and is another one after an off-boarding.
    """
    parts = ("external-id", tenant.tenant_id, tenant.epoch, provider)
    return f"convergence-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:40]}"


class CloudCredentials:
    """Writes and opens rows of x_meta_cloud_credentials, encrypted by the KMS key `credentials`."""

    def __init__(
        self,
        rows: Rows,
        jobs: Jobs,
        cipher: Cipher,
        clock: Clock,
        *,
        data_project: str,
        schema: TableSchema,
    ) -> None:
        self._rows, self._jobs, self._cipher, self._clock = rows, jobs, cipher, clock
        self._data_project, self._schema = data_project, schema

    def put(
        self, tenant_id: str, provider: str, credentials: AwsCredentials, *, credential_id: str, request: str
    ) -> datetime:
        """Keep these in place of the provider's others; since when. Each time has a `credential_id` of its own."""
        ciphertext = self._cipher.encrypt(_text(credentials).encode(), bound_to=_bound(tenant_id, credential_id))
        now = self._clock.now()
        parameters = (
            Parameter("credential_id", "STRING", credential_id),
            Parameter("tenant_id", "STRING", tenant_id),
            Parameter("provider", "STRING", provider),
            Parameter("ciphertext", "BYTES", ciphertext),
            Parameter("now", "TIMESTAMP", now.isoformat()),
        )
        text = f"""
            MERGE `{self._table(tenant_id)}` AS c
            USING (SELECT @provider AS provider) AS given ON c.provider = given.provider
            WHEN MATCHED THEN UPDATE SET credential_id = @credential_id, ciphertext = @ciphertext, updated_at = @now
            WHEN NOT MATCHED BY TARGET THEN INSERT
                (credential_id, tenant_id, provider, ciphertext, created_at, updated_at)
                VALUES (@credential_id, @tenant_id, @provider, @ciphertext, @now, @now)"""
        self._change(Sql(text.strip(), parameters), tenant_id, request, "put")
        return now

    def remove(self, tenant_id: str, provider: str, *, request: str) -> bool:
        """Forget the provider's credentials; whether there were any."""
        sql = f"DELETE FROM `{self._table(tenant_id)}` WHERE provider = @provider"
        return self._change(Sql(sql, (Parameter("provider", "STRING", provider),)), tenant_id, request, "remove") > 0

    def open(self, tenant_id: str, provider: str) -> AwsCredentials | None:
        """The provider's credentials, decrypted; None where there are none. Only `run_pipeline` may decrypt."""
        found = self._rows.stored(self._table(tenant_id), self._schema, limit=_MOST_ROWS) or []
        ours = [row for row in found if (row["tenant_id"], row["provider"]) == (tenant_id, provider)]
        if not ours:
            return None
        row = max(ours, key=lambda each: each["updated_at"])
        plain = self._cipher.decrypt(row["ciphertext"], bound_to=_bound(tenant_id, row["credential_id"]))
        return PROVIDERS[provider].model_validate_json(plain)

    def _table(self, tenant_id: str) -> TableRef:
        return metadata_table(self._data_project, tenant_id, "x_meta_cloud_credentials")

    def _change(self, sql: Sql, tenant_id: str, request: str, operation: str) -> int:
        return change(
            self._jobs,
            sql,
            tenant_id=tenant_id,
            request=request,
            table="x_meta_cloud_credentials",
            operation=operation,
        )


def _bound(tenant_id: str, credential_id: str) -> str:
    return f"{tenant_id}|credential|{credential_id}"


def _text(credentials: AwsCredentials) -> str:
    """The credentials as JSON, their secrets in the clear: to be encrypted at once."""
    given = credentials.model_dump(exclude_none=True)
    return json.dumps(
        {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in given.items()}
    )
