"""The rules of labels on jobs, datasets and tables.

Source: https://cloud.google.com/bigquery/docs/labels-intro#requirements
"""

from __future__ import annotations

import re
from typing import Any

from emulators.bigquery.errors import invalid

_LABEL_KEY = re.compile(r"[a-z\u00df-\uffff][a-z0-9_\u00df-\uffff-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_\u00df-\uffff-]{0,63}")
_MAX_LABELS = 64


def check_labels(labels: Any) -> None:
    """Raise invalid for labels that BigQuery refuses (docs, "Requirements for labels")."""
    if labels is None:
        return
    if not isinstance(labels, dict) or len(labels) > _MAX_LABELS:
        raise invalid(f"Too many labels: at most {_MAX_LABELS} are allowed")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise invalid(
                f"Label key '{key}' has invalid format: keys are 1-63 lowercase letters, digits, _ "
                "and -, starting with a letter"
            )
        if value is not None and not _LABEL_VALUE.fullmatch(str(value)):
            raise invalid(
                f"Label value '{value}' has invalid format: values are up to 63 lowercase letters, digits, _ and -"
            )
