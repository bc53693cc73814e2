import { h } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";
import { exactClock } from "../format.ts";
import type { Side } from "./range.ts";

export interface TimeFieldParts {
  /** Reads what was typed; null where it is no time. */
  read(text: string): number | null;
  chosen(seconds: number): void;
  /** The viewer wants the moment that is on the screen. */
  here(): void;
}

/** One of the two points as a text that can be typed over, with a button that takes the present moment. */
export class TimeField {
  readonly element: HTMLElement;
  private readonly field: HTMLInputElement;
  private shown = 0;

  constructor(
    side: Side,
    private readonly parts: TimeFieldParts,
  ) {
    const label = side === "start" ? "Beginning" : "End";
    const id = `clip-${side}`;
    this.field = h("input", { id, class: "clip-time", inputmode: "decimal", autocomplete: "off" });
    const words = side === "start" ? "Begin here (I)" : "End here (O)";
    const here = h("button", { type: "button", class: "icon-button", "aria-label": words, title: words });
    here.append(icon(side === "start" ? "markIn" : "markOut"));
    here.addEventListener("click", () => parts.here());
    this.field.addEventListener("change", () => this.take());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // it means the time, not yet the clip
      this.take();
    });
    const row = h("span", { class: "clip-time-row" }, this.field, here);
    this.element = h("div", { class: `clip-field ${side}` }, h("label", { for: id }, label), row);
  }

  show(seconds: number): void {
    this.shown = seconds;
    this.field.value = exactClock(seconds);
    this.field.removeAttribute("aria-invalid");
  }

  private take(): void {
    if (this.field.value === exactClock(this.shown)) return;
    const seconds = this.parts.read(this.field.value);
    if (seconds === null) this.field.setAttribute("aria-invalid", "true");
    else this.parts.chosen(seconds);
  }
}
