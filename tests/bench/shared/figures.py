# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a measurement says what it measured."""

import json
import os
import pathlib


def show(measurement: str, figures: dict[str, float]) -> None:
    """Print figures as a table, and save them."""
    for name, figure in figures.items():
        print(f"{name.replace('_', ' '):52} {figure:>12}")
    save(measurement, figures)


def save(measurement: str, figures: object) -> None:
    """Write figures to the file that PHPFLEET_BENCH_JSON names, if it names one, beside those of other measurements."""
    if "PHPFLEET_BENCH_JSON" in os.environ:
        file = pathlib.Path(os.environ["PHPFLEET_BENCH_JSON"])
        saved = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**saved, measurement: figures}, indent=1))
