"""Own data: write a small table of support tickets, as if it were yours.

Run it in the project's root, then follow docs/own-data.md.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

TABLE = Path("files/tickets.csv")
CUSTOMERS = 40
TICKETS = 6  # of each customer
OPENINGS = ("hello", "good morning", "dear team", "hi there")
PROBLEMS = {
    "billing": ("the invoice is wrong", "i was charged twice", "where is my refund"),
    "delivery": ("the parcel is late", "the box arrived broken", "where is my order"),
    "account": ("i cannot log in", "my password was reset", "please delete my profile"),
}


def main() -> None:
    """Write one row per ticket: its text, its label and the customer it is from."""
    draw = np.random.default_rng(0)
    TABLE.parent.mkdir(exist_ok=True)
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "group"])
        for customer in range(CUSTOMERS):
            for order in range(TICKETS):
                label = draw.choice(list(PROBLEMS))
                opening, problem = draw.choice(OPENINGS), draw.choice(PROBLEMS[label])
                text = f"{opening}, about order {customer}-{order}: {problem}"
                writer.writerow([text, label, f"customer {customer}"])
    print(f"{TABLE}: {CUSTOMERS * TICKETS} tickets of {CUSTOMERS} customers")


if __name__ == "__main__":
    main()
