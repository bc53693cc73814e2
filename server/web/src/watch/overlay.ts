import type { Video } from "../api/types.ts";
import { Chamber } from "../chamber.ts";
import { h, setText } from "../dom/element.ts";
import { type IconName, icon, setIcon } from "../dom/icon.ts";
import { percent } from "../format.ts";
import { stageText } from "../stage.ts";
import type { PlaybackFault } from "./fault.ts";

const SPINNER_AFTER_MS = 350;
const EXPLAIN_AFTER_MS = 6000;

/** What lies over the picture besides the controls: the wait, the spinner, the answer to a key, the error. */
export class Overlay {
  readonly element = h("div", { class: "overlay" });
  private readonly chamber = new Chamber();
  private readonly waitingLevel = h("p", { class: "waiting-level" });
  private readonly waitingText = h("p", { role: "status" });
  private readonly waiting = h("div", { class: "waiting", hidden: true });
  private readonly spinner = h("div", { class: "spinner", hidden: true });
  private readonly spinnerText = h("p", { role: "status" });
  private readonly errorPanel = h("div", { class: "error-panel", role: "alert", hidden: true });
  private readonly bumpGlyph = icon("play");
  private readonly bumpText = h("span", {});
  private readonly bumpBox = h("div", { class: "bump", hidden: true });
  private timers: ReturnType<typeof setTimeout>[] = [];
  private bumpTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.waiting.append(this.chamber.element, this.waitingWords());
    this.spinner.append(h("span", { class: "ring" }), this.spinnerText);
    this.bumpBox.append(this.bumpGlyph, this.bumpText);
    this.element.append(this.waiting, this.spinner, this.bumpBox, this.errorPanel);
  }

  /** The video is still being prepared. */
  showWaiting(video: Video): void {
    this.clear();
    this.waiting.hidden = false;
    this.chamber.fill(video.progress);
    setText(this.waitingLevel, video.status === "waiting" ? "" : percent(video.progress));
    setText(this.waitingText, stageText(video));
  }

  private waitingWords(): HTMLElement {
    const promise = h("p", { class: "waiting-promise" }, "It starts by itself as soon as it can be played.");
    return h("div", { class: "waiting-words" }, this.waitingLevel, this.waitingText, promise);
  }

  showFault(fault: PlaybackFault, retry: () => void): void {
    this.clear();
    const again = h("button", { type: "button", class: "button primary" }, icon("replay"), "Try again");
    again.addEventListener("click", retry);
    const library = h("a", { class: "button", href: "/" }, "To the library");
    this.errorPanel.replaceChildren(
      icon("alert"),
      h("h2", {}, fault.heading),
      h("p", {}, fault.text),
      h("div", { class: "choices" }, fault.retry !== "never" && again, library),
    );
    this.errorPanel.hidden = false;
  }

  get blocked(): boolean {
    return !this.errorPanel.hidden || !this.waiting.hidden;
  }

  clear(): void {
    this.waiting.hidden = true;
    this.errorPanel.hidden = true;
    this.setBuffering(false);
  }

  /** The picture stands still for want of data. Short waits are not worth a spinner. */
  setBuffering(on: boolean): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
    if (!on) {
      this.spinner.hidden = true;
      setText(this.spinnerText, "");
      return;
    }
    const show = (): void => {
      this.spinner.hidden = this.blocked;
    };
    const explain = (): void => setText(this.spinnerText, "Still waiting for the server");
    this.timers = [setTimeout(show, SPINNER_AFTER_MS), setTimeout(explain, EXPLAIN_AFTER_MS)];
  }

  /** A brief answer to a key or a tap, such as “+10 s”. */
  bump(glyph: IconName, text: string, side: -1 | 0 | 1 = 0): void {
    setIcon(this.bumpGlyph, glyph);
    setText(this.bumpText, text);
    this.bumpBox.dataset.side = String(side);
    this.bumpBox.hidden = true;
    void this.bumpBox.offsetWidth; // starts the animation anew
    this.bumpBox.hidden = false;
    clearTimeout(this.bumpTimer);
    this.bumpTimer = setTimeout(() => {
      this.bumpBox.hidden = true;
    }, 750);
  }
}
