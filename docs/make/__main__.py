"""Write the generated parts of the documentation: `python -m docs.make`."""

from __future__ import annotations

from docs.make import pages

for path in pages.PAGES:
    pages.write(path)
