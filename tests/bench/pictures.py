"""Pictures of extreme trees: 1,000 levels deep, and 50,000 nodes in one.

    python -m tests.bench.pictures [--folder F]

Writes SVG and PNG files to screenshots/. `--folder` keeps the files with the runs, which take a while to create.
"""

import argparse
import asyncio
import os
import tempfile
import time
from contextlib import chdir
from pathlib import Path

from store.database.lease import Lease
from tests.bench.big import cached
from tests.pictures import FOLDER, Picture, draw, png_of

PICTURES = {
    "deep": Picture("big-deep", (140, 36), ["enter", "G", "k", "k", "k"]),
    "wide": Picture("big-wide", (140, 36), ["enter", "G"]),
}
"""Names of the pictures by the shape of the run."""


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the files are kept")
    options = parser.parse_args()
    os.environ.update(TZ="UTC", TEXTUAL_ANIMATIONS="none")
    time.tzset()
    with tempfile.TemporaryDirectory() as made:
        for shape, picture in PICTURES.items():
            path = cached(options.folder or Path(made), shape)
            with chdir(path.parent), Lease(Path(path.name)):
                svg = asyncio.run(draw(picture, Path(path.name), lambda: 1_745_900_000.0))
            (FOLDER / f"{picture.name}.svg").write_text(svg, "utf-8")
            (FOLDER / f"{picture.name}.png").write_bytes(png_of(svg))


if __name__ == "__main__":
    main()
