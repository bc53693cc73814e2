import { h } from "../dom/element.ts";
import { type IconName, icon } from "../dom/icon.ts";
import { moveFocus } from "../dom/menu.ts";

export interface Option {
  readonly label: string;
  readonly detail: string;
  readonly chosen: boolean;
  choose(): void;
}

export interface Column {
  readonly title: string;
  readonly options: readonly Option[];
}

export interface PanelParts {
  readonly name: string;
  readonly glyph: IconName;
  /** The columns to show now; those without options are left out. */
  columns(): readonly Column[];
  onToggle(open: boolean): void;
}

const all = new Set<Panel>();

/** A button, and the panel that it opens over the picture: one column for each choice. */
export class Panel {
  readonly button: HTMLButtonElement;
  readonly element: HTMLElement;

  constructor(private readonly parts: PanelParts) {
    this.element = h("div", { class: "settings", role: "menu", "aria-label": parts.name, hidden: true });
    this.button = h("button", {
      type: "button",
      class: "control",
      "aria-label": parts.name,
      "aria-haspopup": "menu",
      "aria-expanded": "false",
    });
    this.button.append(icon(parts.glyph));
    this.button.addEventListener("click", () => this.toggle());
    this.element.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.open || !(target instanceof Node)) return;
      if (!this.element.contains(target) && !this.button.contains(target)) this.close();
    });
    all.add(this);
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  toggle(): void {
    if (this.open) this.close();
    else if (!this.button.hidden) this.show();
  }

  close(): void {
    if (!this.open) return;
    const held = this.element.contains(document.activeElement);
    this.element.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (held) this.button.focus();
    this.parts.onToggle(false);
  }

  /** Redraws an open panel, keeping the place of a person who is in it with the keyboard. */
  refresh(): void {
    if (!this.open) return;
    const { activeElement } = document;
    const at = activeElement instanceof HTMLElement ? this.entries.indexOf(activeElement) : -1;
    this.draw();
    if (at >= 0) this.entries[at]?.focus();
  }

  private get entries(): HTMLElement[] {
    return [...this.element.querySelectorAll<HTMLElement>("button")];
  }

  private show(): void {
    for (const other of all) other.close();
    this.element.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.draw();
    (this.element.querySelector<HTMLElement>('[aria-checked="true"]') ?? this.entries[0])?.focus({
      preventScroll: true,
    });
    this.parts.onToggle(true);
  }

  private draw(): void {
    const columns = this.parts.columns().map(({ title, options }) => column(title, options));
    this.element.replaceChildren(...columns.filter((each) => each !== null));
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
      return;
    }
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      event.stopPropagation();
      this.changeColumn(event.key === "ArrowRight" ? 1 : -1);
      return;
    }
    const own = document.activeElement?.closest("[role=group]");
    moveFocus(event, own ? [...own.querySelectorAll<HTMLElement>("button")] : this.entries);
  }

  private changeColumn(by: number): void {
    const groups = [...this.element.querySelectorAll("[role=group]")];
    const at = groups.findIndex((group) => group.contains(document.activeElement));
    const next = groups[(at + by + groups.length) % groups.length];
    const target = next?.querySelector<HTMLElement>('[aria-checked="true"]') ?? next?.querySelector("button");
    target?.focus();
  }
}

function column(title: string, options: readonly Option[]): HTMLElement | null {
  if (options.length === 0) return null;
  const group = h("div", { class: "column", role: "group", "aria-label": title });
  group.append(h("p", { class: "column-title", "aria-hidden": "true" }, title));
  for (const option of options) {
    const entry = h("button", {
      type: "button",
      role: "menuitemradio",
      "aria-checked": String(option.chosen),
    });
    entry.append(icon("check"), h("span", {}, option.label), h("small", {}, option.detail));
    entry.addEventListener("click", () => option.choose());
    group.append(entry);
  }
  return group;
}
