// Tables are sorted by a click on a heading, which is a button and so has the keyboard too.
const number = (text) => {
  const found = text.replaceAll(",", "").match(/^[<>]?\s*([-+]?\d+(\.\d+)?)/);
  return found ? Number(found[1]) : null;
};

// What has no number stands last whichever way a column is sorted.
function before(a, b, sign) {
  const [x, y] = [number(a), number(b)];
  if (x !== null && y !== null) return sign * (x - y);
  if (x !== null || y !== null) return x === null ? 1 : -1;
  return sign * a.localeCompare(b);
}

function sort(table, column, ascending) {
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => row.cells.length > 1);
    const text = (row) => row.cells[column].textContent.trim();
    rows.sort((a, b) => before(text(a), text(b), ascending ? 1 : -1));
    body.append(...rows);
  }
  [...table.tHead.rows[0].cells].forEach((head, n) => {
    if (n === column) head.ariaSort = ascending ? "ascending" : "descending";
    else head.removeAttribute("aria-sort");
  });
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if ("unsorted" in head.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, column, head.ariaSort !== "ascending"));
  });
}

for (const again of document.querySelectorAll(".again")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(again.querySelector("code").textContent);
    button.textContent = "copied";
  });
  again.append(button);
}
