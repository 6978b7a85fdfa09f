"""Read a query once for all tenants: the tenant's id in its names gives way to a marker while it is read.

A query over a tenant's own datasets has another text for each tenant, and reading one takes milliseconds. The marker is
a tenant id too, put between backquotes only, so that one name token stays one name token: whatever is found in the
marked text is true of the query itself at the same tokens.
"""

import re

# A tenant's id by its grammar, though nobody's: `Marked.of` leaves alone whatever holds it already.
MARKER = "anytenant_0000"
# What a backquote can stand in without beginning a name, and names: `lexing` refuses what is doubtful about their ends.
_PIECES = re.compile(
    r"""'''(?:\\.|[^\\])*?'''|\"""(?:\\.|[^\\])*?\"""|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
    r"|--[^\r\n]*|\#[^\r\n]*|/\*.*?\*/|(?P<name>`[^`]*`)",
    re.DOTALL,
)


class Marked:
    """A query's text with the tenant's id marked; `text` is what to read."""

    def __init__(self, text: str, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        # A name without backquotes stays as it is, and could then not be told to be the same as one with them.
        is_bare = tenant_id in text and tenant_id in _PIECES.sub(" ", text)
        self.is_marked = tenant_id in text and MARKER not in text and not is_bare
        self.text = _PIECES.sub(self._mark, text) if self.is_marked else text

    def _mark(self, piece: re.Match[str]) -> str:
        return piece[0].replace(self._tenant_id, MARKER) if piece["name"] else piece[0]

    def real(self, text: str) -> str:
        """A piece of the marked text, or what was made of it, with the tenant's id in its place again.

        >>> marked = Marked("SELECT 'acme_1234' FROM `p.acme_1234.t`", "acme_1234")
        >>> marked.text
        "SELECT 'acme_1234' FROM `p.anytenant_0000.t`"
        >>> marked.real("p.anytenant_0000.t")
        'p.acme_1234.t'
        """
        return text.replace(MARKER, self._tenant_id) if self.is_marked else text
