// Makes the headings of tables into buttons that sort their rows. Without it the page reads as well.
(() => {
  "use strict";

  function text(cell) {
    return [...cell.childNodes].filter((node) => node.nodeName !== "SMALL").map((node) => node.textContent).join("");
  }

  // A number, null for a missing one, or the text of a cell.
  function key(cell) {
    const value = cell.dataset.value;
    if (value === undefined) return text(cell);
    return value === "" ? null : Number(value);
  }

  function compare(a, b) {
    return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  }

  function sort(body, column, descending) {
    const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
    const known = rows.filter(([value]) => value !== null);
    const missing = rows.filter(([value]) => value === null);
    known.sort(([a], [b]) => (descending ? compare(b, a) : compare(a, b)));
    body.append(...[...known, ...missing].map(([, row]) => row));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const sorted = heading.getAttribute("aria-sort");
        const descending = sorted ? sorted === "ascending" : heading.dataset.first === "descending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table.tBodies[0], column, descending);
      });
    });
  }
})();
