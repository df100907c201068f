import type { CellStart } from "../protocol.js";
import type { Wish } from "../views/view.js";
import { button, el, table } from "./dom.js";

type Post = (wish: Wish) => void;

let post: Post | undefined;
let cells: readonly CellStart[] = [];

/** The cells of the notebook that a report is about; none of a file. Before anything of it is drawn. */
export function tellByCell(of: readonly CellStart[]): void {
  cells = of;
}

/** A line of the report's target: `12`, or in a notebook `cell 3:5`. */
export function lineName(line: number): string {
  const inside = cells.filter((one) => one.line <= line).at(-1) ?? cells[0];
  return inside ? `cell ${inside.cell}:${Math.max(line - inside.line + 1, 1)}` : String(line);
}

/** Say how wishes reach the extension; once, when the page starts. */
export function onWish(send: Post): void {
  post = send;
}

export function wish(what: Wish): void {
  post?.(what);
}

/** Opens a line of a file. */
export function link(label: string, path: string, line: number): HTMLElement {
  return button(label, "link", () => {
    post?.({ wish: "open", path, line });
  });
}

export function fileName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}

/** A line as it is called in a report on `target`: its number, with the file's name where it is another file. */
export function place(path: string | null, line: number | null, target: string): HTMLElement | undefined {
  if (path === null || line === null) return undefined;
  return link(path === target ? lineName(line) : `${fileName(path)}:${line}`, path, line);
}

/** A share as a bar and a number. */
export function share(value: number): HTMLElement {
  const bar = el("div", "bar");
  bar.style.width = `${Math.max(value * 100, 0.5)}%`;
  return el("div", "share", el("div", "track", bar), el("span", "", `${(value * 100).toFixed(0)} %`));
}

/** A table whose first column are line numbers and whose last is source. */
export function lineTable(head: readonly string[], rows: readonly (readonly (Node | string | undefined)[])[]): HTMLElement {
  const grid = table(["Line", ...head, "Source"], rows);
  grid.classList.add("lines");
  return grid;
}
