"""The address of a template: the parts of its file's path, and of its URL."""

import re
from dataclasses import dataclass

from shared.errors import TemplateNotFound

_PATH_PART = r"[a-z][a-z0-9_]{0,63}"


@dataclass(frozen=True, order=True)
class TemplateAddress:
    """Which template: `configs/{provider}/{domain}/{template_name}.yml`.

    Raises TemplateNotFound for what can be no address.

    >>> TemplateAddress("gcp", "cost", "cost_billing").path, ONBOARDING.path
    ('gcp/cost/cost_billing.yml', 'customer/onboarding.yml')
    """

    provider: str
    domain: str
    template_name: str

    def __post_init__(self) -> None:
        if (self.provider, self.domain, self.template_name) == ("customer", "", "onboarding"):
            return
        for part in (self.provider, self.domain, self.template_name):
            if not re.fullmatch(_PATH_PART, part):
                raise TemplateNotFound(
                    f"no template {str(self)[:200]!r}: each part starts with a lower case letter"
                    " and holds only a-z, 0-9 and _"
                )

    @classmethod
    def parse(cls, path: str) -> "TemplateAddress":
        """The address of a path below `configs/`; raises TemplateNotFound when no template can be there.

        >>> TemplateAddress.parse("gcp/cost/cost_billing.yml")
        TemplateAddress(provider='gcp', domain='cost', template_name='cost_billing')
        """
        stem, dot, extension = path.rpartition(".")
        parts = stem.split("/")
        if not dot or extension != "yml":
            raise TemplateNotFound(f"{path[:200]!r} is no template: the extension is .yml")
        if parts == ["customer", "onboarding"]:
            return ONBOARDING
        if len(parts) != 3:
            raise TemplateNotFound(
                f"{path[:200]!r} is no template: the path is provider/domain/template_name.yml"
                " (customer/onboarding.yml is the only shorter one)"
            )
        return cls(*parts)

    @property
    def path(self) -> str:
        """The file's path below `configs/`."""
        return f"{self}.yml"

    def __str__(self) -> str:
        return "/".join(part for part in (self.provider, self.domain, self.template_name) if part)


ONBOARDING = TemplateAddress("customer", "", "onboarding")
