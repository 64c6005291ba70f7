"""Stage: all experiments side by side: report/summary.json, report.md and index.html."""

from pathlib import Path

from seqarena.config import experiment_names
from seqarena.errors import exit_with_one_line
from seqarena.files import new_folder
from seqarena.report.report import verdict_table, write_report


def main() -> None:
    with new_folder(Path("report")) as out:
        summaries = write_report(Path("results"), experiment_names(), out)
    print(verdict_table(summaries))


if __name__ == "__main__":
    exit_with_one_line(main)
