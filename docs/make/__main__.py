"""Write the generated parts of the documentation: `python -m docs.make [--pictures]`."""

from __future__ import annotations

import argparse

from docs.make import pages


def main() -> None:
    """Write all pages, and the pictures of the README if asked for."""
    parser = argparse.ArgumentParser(prog="python -m docs.make", description=__doc__)
    parser.add_argument("--pictures", action="store_true", help="fold a model and draw what is seen; needs Chromium")
    options = parser.parse_args()
    for path in pages.PAGES:
        pages.write(path)
    if options.pictures:
        from docs.make import pictures

        pictures.draw()


if __name__ == "__main__":
    main()
