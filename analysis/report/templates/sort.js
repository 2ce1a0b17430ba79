// Sorts a table by the column whose header is clicked. A cell without a value comes last in both orders. Numbers within
// names are compared as numbers: 2 x H100 comes before 10 x H100.
const { compare } = new Intl.Collator(undefined, { numeric: true });
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  headers.forEach((header, column) => {
    const order = header.classList.contains("number") ? (a, b) => a - b : compare;
    header.querySelector("button").addEventListener("click", () => {
      const up = header.getAttribute("aria-sort") !== "ascending";
      headers.forEach((other) => other.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const rows = [...body.rows].sort((a, b) => {
        const [left, right] = [value(a), value(b)];
        if (left === "" || right === "") return (left === "") - (right === "");
        return up ? order(left, right) : order(right, left);
      });
      body.append(...rows);
    });
  });
}
