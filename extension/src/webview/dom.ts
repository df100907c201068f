type Child = Node | string | undefined;

/** An element with a class and children. Text only ever becomes text. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** A sentence in which `backticks` mark code. */
export function sentence(text: string): HTMLSpanElement {
  const parts = text.split("`").map((part, index) => (index % 2 === 1 ? el("code", "", part) : part));
  return el("span", "", ...parts);
}

export function button(label: string, className: string, pressed: () => void): HTMLButtonElement {
  const element = el("button", className, label);
  element.type = "button";
  element.addEventListener("click", pressed);
  return element;
}

export function section(title: string, ...children: readonly Child[]): HTMLElement {
  return el("section", "", el("h2", "", title), ...children);
}

/** What only some want to read. */
export function folded(title: string, ...children: readonly Child[]): HTMLElement {
  return el("details", "", el("summary", "", title), ...children);
}

/** A figure with its name above and a remark below; the explanation shows when it is pointed at. */
export function tile(label: string, value: string, note: string, explanation = ""): HTMLElement {
  const element = el("div", "number", el("span", "label", label), el("span", "value", value), el("span", "note", note));
  if (explanation !== "") element.title = explanation;
  return element;
}

/** Names and values; those without a value are left out. */
export function facts(...rows: readonly (readonly [string, string | null | undefined])[]): HTMLElement {
  const list = el("dl", "facts");
  for (const [name, value] of rows) {
    if (value !== null && value !== undefined && value !== "") {
      list.append(el("dt", "", name), el("dd", "", value));
    }
  }
  return list;
}

export function table(head: readonly string[], rows: readonly (readonly Child[])[]): HTMLTableElement {
  const header = el("tr", "", ...head.map((name) => el("th", "", name)));
  const body = rows.map((cells) => el("tr", "", ...cells.map((cell) => el("td", "", cell))));
  return el("table", "", el("thead", "", header), el("tbody", "", ...body));
}

export function bullets(lines: readonly string[]): HTMLElement | undefined {
  return lines.length === 0 ? undefined : el("ul", "", ...lines.map((line) => el("li", "", sentence(line))));
}
