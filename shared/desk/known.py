"""What is known of the world that templates are checked for, and the stand-ins for what is not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.files.shared_sources import SharedSource
from shared.desk import stand_ins
from shared.desk.advice import addresses
from shared.settings import Settings


@dataclass(frozen=True)
class Known:
    """What is known of the world. Without `settings` of an environment, stand-ins serve, and BigQuery is not asked.

    `operator` and `tenant` are variables to take; `source_bytes` what one run reads of a shared source, by its name.
    """

    settings: Settings | None = None
    operator: Mapping[str, str] = field(default_factory=dict)
    tenant: Mapping[str, str] = field(default_factory=dict)
    source_bytes: Mapping[str, int] = field(default_factory=dict)

    def settings_for(
        self,
        *,
        configs: Path,
        templates: Path,
        sources: Iterable[SharedSource],
        pipelines: Iterable[PipelineTemplate],
    ) -> Settings:
        """The settings to check the files of the two folders with. `pipelines` are those that could be read.

        Raises SettingsInvalid for a given variable that could be no setting.
        """
        if self.settings is not None:
            variables = {**self.settings.template_variables, **self.operator}
            update = {"configs_dir": configs, "templates_dir": templates, "template_variables": variables}
            return self.settings.model_copy(update=update)
        operator = {**stand_ins.operator_variables(sources), **self.operator}
        made = stand_ins.settings(operator=operator, configs=configs, templates=templates)
        # Which addresses the operator allows is not known here; `advice` warns of those that stand in a template.
        written = sorted({address for template in pipelines for _, address in addresses(template)})
        return made.model_copy(update={"operator_mail_domains": tuple(written)})

    def stood_in(self, sources: Iterable[SharedSource]) -> tuple[str, ...]:
        """The operator variables of `sources.yml` that stand-ins serve for."""
        if self.settings is not None:
            return ()
        return tuple(sorted(stand_ins.operator_variables(sources).keys() - self.operator.keys()))
