// A table that is a table: headings, a caption, and on a narrow screen a card for each row with its headings beside the cells.

import { html } from "./html.js";

/**
 * @typedef {{name: string, cell: (row: any) => any, className?: string, head?: boolean}} Column
 * @param {{caption: string, columns: Column[], rows: any[], rowKey: (row: any) => string, selected?: string | null,
 *   detail?: (row: any) => any, className?: string}} props
 */
export function Rows({ caption, columns, rows, rowKey, selected, detail, className = "" }) {
  return html`<table class="rows ${className}" role="table">
    <caption class="sr-only">${caption}</caption>
    <thead role="rowgroup"><tr role="row">
      ${columns.map((column) => html`<th role="columnheader" scope="col" key=${column.name}>${column.name}</th>`)}
    </tr></thead>
    <tbody role="rowgroup">${rows.map((row) => html`<${Row} key=${rowKey(row)} id=${rowKey(row)} row=${row} columns=${columns}
      selected=${rowKey(row) === selected} detail=${detail} />`)}</tbody>
  </table>`;
}

/** @param {any} props */
function Row({ id, row, columns, selected, detail }) {
  const more = detail?.(row);
  return html`<tr role="row" data-row=${id} class=${selected ? "selected" : ""}>
      ${columns.map((/** @type {Column} */ column) => column.head
        ? html`<th role="rowheader" scope="row" key=${column.name} data-label=${column.name} class=${column.className}>${column.cell(row)}</th>`
        : html`<td role="cell" key=${column.name} data-label=${column.name} class=${column.className}>${column.cell(row)}</td>`)}
    </tr>${more && html`<tr role="row" class="more"><td role="cell" colspan=${columns.length}>${more}</td></tr>`}`;
}
