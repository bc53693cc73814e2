import { h, setText } from "../dom/element.ts";
import { type IconName, icon, setIcon } from "../dom/icon.ts";
import { clock } from "../format.ts";
import type { Panel } from "./panel.ts";
import type { Screen } from "./screen.ts";
import type { SeekBar } from "./seekbar.ts";
import type { Timeline } from "./timeline.ts";
import type { Volume } from "./volume.ts";

export interface ControlParts {
  readonly seek: SeekBar;
  readonly volume: Volume;
  readonly panels: readonly Panel[];
  readonly screen: Screen;
  togglePlay(): void;
  seekBy(seconds: number): void;
  help(): void;
}

/** The bar at the foot of the picture, and on touch screens the three large buttons in its middle. */
export class Controls {
  readonly element: HTMLElement;
  readonly middle: HTMLElement;
  private readonly playGlyph = icon("play");
  private readonly playButton: HTMLButtonElement;
  private readonly bigGlyph = icon("play");
  private readonly bigButton: HTMLButtonElement;
  private readonly time = h("span", { class: "time" });
  private readonly total = h("span", { class: "total" });

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly timeline: Timeline,
    parts: ControlParts,
  ) {
    this.playButton = h("button", { type: "button", class: "control" }, this.playGlyph);
    this.playButton.addEventListener("click", () => parts.togglePlay());
    this.bigButton = h("button", { type: "button", class: "control big" }, this.bigGlyph);
    this.bigButton.addEventListener("click", () => parts.togglePlay());
    const back = skipButton("−10", "Back 10 seconds", () => parts.seekBy(-10));
    const on = skipButton("+10", "Forward 10 seconds", () => parts.seekBy(10));
    const keys = button("control keys", "keyboard", "Keyboard shortcuts (?)", () => parts.help());
    const times = h("p", { class: "times" }, this.time, this.total);
    const row = h("div", { class: "row" }, this.playButton, parts.volume.element, times);
    row.append(h("span", { class: "gap" }), keys, ...parts.panels.map(({ button }) => button));
    row.append(parts.screen.pipButton, parts.screen.fullButton);
    this.middle = h("div", { class: "middle" }, back, this.bigButton, on);
    this.element = h("div", { class: "controls" }, parts.seek.element, row);
    for (const each of [this.middle, this.element]) keepFocus(each);
    timeline.onChange(() => this.show());
    this.show();
  }

  private show(): void {
    const { ended, position, duration } = this.timeline;
    const { paused } = this.video;
    const glyph: IconName = ended ? "replay" : paused ? "play" : "pause";
    const label = ended ? "Play again" : paused ? "Play" : "Pause";
    setIcon(this.playGlyph, glyph);
    setIcon(this.bigGlyph, glyph);
    for (const each of [this.playButton, this.bigButton]) each.setAttribute("aria-label", label);
    this.playButton.title = `${label} (k)`;
    setText(this.time, clock(position));
    setText(this.total, clock(duration));
  }
}

function button(style: string, glyph: IconName, label: string, run: () => void): HTMLButtonElement {
  const element = h(
    "button",
    { type: "button", class: style, "aria-label": label, title: label },
    icon(glyph),
  );
  element.addEventListener("click", run);
  return element;
}

function skipButton(text: string, label: string, run: () => void): HTMLButtonElement {
  const element = h("button", { type: "button", class: "control skip-by", "aria-label": label }, text);
  element.addEventListener("click", run);
  return element;
}

/** A mouse leaves the keyboard's focus where it was, so that the space bar goes on to mean play and pause. */
function keepFocus(element: HTMLElement): void {
  element.addEventListener("mousedown", (event) => {
    if (event.target instanceof Element && event.target.closest("button")) event.preventDefault();
  });
}
