"""The adapter of each port. It is made when the port is first used, because its vendor's library is slow to import.

So a function pays only for the libraries that its path uses (facts 27), and reads only the settings that it declares.
"""

from typing import TYPE_CHECKING

from shared.adapters.clock import SystemClock
from shared.adapters.template_files import TemplateFiles
from shared.contracts.tables import DatasetRef
from shared.errors import Fault, SettingsInvalid
from shared.ports import Catalog, Cipher, Clock, Jobs, Mailer, MessageBus, RateLimiter, Rows, Secrets
from shared.settings import Settings
from shared.wiring.late import late, made_once

if TYPE_CHECKING:
    from google.cloud import bigquery


class Adapters:
    """The ports of one instance."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.control = DatasetRef(settings.gcp_project_id, settings.control_dataset)
        # No vendor is behind these.
        self.clock: Clock = SystemClock()
        self.templates = TemplateFiles(settings.configs_dir)
        self.catalog: Catalog = late(self._catalog)
        self.rows: Rows = late(self._rows)
        self.jobs: Jobs = late(self._jobs)
        self.bus: MessageBus = late(self._bus)
        self.api_keys_cipher: Cipher = late(self._api_keys_cipher)
        self.credentials_cipher: Cipher = late(self._credentials_cipher)
        self.secrets: Secrets = late(self._secrets)
        self.mailer: Mailer = late(self._mailer)
        self.stored_limiter: RateLimiter = late(self._stored_limiter)

    @made_once
    def _bigquery(self) -> "bigquery.Client":
        from shared.adapters.bigquery import client

        return client(self.settings.gcp_project_id, self.settings.location, self.settings.bigquery_endpoint)

    def _catalog(self) -> Catalog:
        from shared.adapters.bigquery import BigQueryCatalog

        return BigQueryCatalog(self._bigquery)

    def _rows(self) -> Rows:
        from shared.adapters.bigquery import BigQueryRows

        return BigQueryRows(self._bigquery)

    def _jobs(self) -> Jobs:
        from shared.adapters.bigquery import BigQueryJobs

        return BigQueryJobs(self._bigquery)

    def _bus(self) -> MessageBus:
        from shared.adapters.pubsub import PubSubMessageBus, client

        return PubSubMessageBus(client(self.settings.pubsub_emulator_host), self.settings.gcp_project_id)

    def _api_keys_cipher(self) -> Cipher:
        return self._cipher(needed(self.settings.kms_api_keys_key, "KMS_API_KEYS_KEY"))

    def _credentials_cipher(self) -> Cipher:
        return self._cipher(needed(self.settings.kms_credentials_key, "KMS_CREDENTIALS_KEY"))

    def _cipher(self, key: str) -> Cipher:
        from shared.adapters.kms import KmsCipher, client

        return KmsCipher(client(self.settings.kms_endpoint), key)

    def _secrets(self) -> Secrets:
        from shared.adapters.secret_manager import SecretManagerSecrets, client

        return SecretManagerSecrets(client(self.settings.secret_manager_endpoint))

    def _mailer(self) -> Mailer:
        from shared.adapters.sendgrid import SendGridMailer

        return SendGridMailer(
            self.secrets,
            needed(self.settings.sendgrid_key_secret, "SENDGRID_KEY_SECRET"),
            sender=self.settings.mail_from,
            endpoint=self.settings.sendgrid_endpoint,
        )

    def _stored_limiter(self) -> RateLimiter:
        from shared.adapters.rate_limits import StoredRateLimiter

        return StoredRateLimiter(self.settings.rate_limit_store)


def needed(value: str | None, name: str) -> str:
    """The value of the setting `name`. Raises SettingsInvalid where it was not given."""
    if value is None:
        fault = Fault(name, "missing", "is required by this function")
        raise SettingsInvalid(f"{name} {fault.message}", faults=[fault])
    return value
