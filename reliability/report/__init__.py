"""Make something to look at: run notebooks, render blocks and pages, speak two languages."""

import sys

# nbformat loads jsonschema, which would compile the grammar of all URIs: over a second that no notebook needs.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
