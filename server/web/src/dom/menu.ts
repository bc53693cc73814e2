import { h } from "./element.ts";
import { type IconName, icon } from "./icon.ts";

export interface MenuItem {
  readonly label: string;
  readonly icon: IconName;
  readonly danger?: boolean;
  run(): void;
}

const GAP_PX = 6;

let closeOpen: (() => void) | null = null;

/** Opens a menu beside its button; arrows move, Escape, Tab and a press elsewhere close it. A second press closes it too. */
export function toggleMenu(button: HTMLButtonElement, label: string, items: readonly MenuItem[]): void {
  const wasMine = button.getAttribute("aria-expanded") === "true";
  closeOpen?.();
  if (wasMine) return;
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label });
  const entries = items.map((item) => menuEntry(item));
  menu.append(...entries);
  document.body.append(menu);
  place(menu, button);
  button.setAttribute("aria-expanded", "true");

  const gone = new AbortController();
  const close = (): void => {
    gone.abort();
    menu.remove();
    button.setAttribute("aria-expanded", "false");
    closeOpen = null;
  };
  closeOpen = close;
  const elsewhere = ({ target }: Event): void => {
    if (target instanceof Node && (menu.contains(target) || button.contains(target))) return;
    close();
  };
  document.addEventListener("pointerdown", elsewhere, { signal: gone.signal });
  window.addEventListener("resize", close, { signal: gone.signal });
  window.addEventListener("scroll", close, { signal: gone.signal, passive: true });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      close();
      button.focus();
      return;
    }
    moveFocus(event, entries);
  });
  items.forEach((item, index) => {
    entries[index]?.addEventListener("click", () => {
      close();
      button.focus();
      item.run();
    });
  });
  entries[0]?.focus();
}

function menuEntry(item: MenuItem): HTMLButtonElement {
  return h(
    "button",
    { type: "button", role: "menuitem", tabindex: -1, class: item.danger ? "danger" : null },
    icon(item.icon),
    item.label,
  );
}

function place(menu: HTMLElement, button: HTMLElement): void {
  const anchor = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const below = anchor.bottom + GAP_PX;
  const fitsBelow = below + height < window.innerHeight;
  menu.style.top = `${fitsBelow ? below : Math.max(GAP_PX, anchor.top - GAP_PX - height)}px`;
  menu.style.left = `${Math.max(GAP_PX, anchor.right - width)}px`;
}

/** Moves the focus among entries as menus do: arrows, Home and End, round and round. */
export function moveFocus(event: KeyboardEvent, entries: readonly HTMLElement[]): void {
  const { activeElement } = document;
  const at = activeElement instanceof HTMLElement ? entries.indexOf(activeElement) : -1;
  const last = entries.length - 1;
  const target = {
    ArrowDown: at === last ? 0 : at + 1,
    ArrowUp: at <= 0 ? last : at - 1,
    Home: 0,
    End: last,
  }[event.key];
  if (target === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  entries[target]?.focus();
}
