import { h } from "../dom/element.ts";
import { icon, setIcon } from "../dom/icon.ts";
import { recall, remember } from "../viewer.ts";

const VOLUME_KEY = "sluice.volume";
const MUTED_KEY = "sluice.muted";

/** The loudspeaker button and its slider. The setting is remembered for the next film. */
export class Volume {
  readonly element: HTMLElement;
  private readonly glyph = icon("loud");
  private readonly button = h("button", { type: "button", class: "control" }, this.glyph);
  private readonly slider = h("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": "Volume" });

  constructor(private readonly video: HTMLVideoElement) {
    this.element = h("div", { class: "volume" }, this.button, this.slider);
    const known = Number.parseFloat(recall(VOLUME_KEY) ?? "1");
    video.volume = Number.isFinite(known) ? Math.min(1, Math.max(0, known)) : 1;
    video.muted = recall(MUTED_KEY) === "yes";
    this.button.addEventListener("click", () => this.toggle());
    this.slider.addEventListener("input", () => this.set(this.slider.valueAsNumber / 100));
    video.addEventListener("volumechange", () => this.show());
    this.show();
  }

  toggle(): void {
    if (this.video.volume === 0) this.set(0.5);
    else this.video.muted = !this.video.muted;
  }

  /** @param level from 0 to 1; anything beyond is as loud, or as quiet, as it gets. */
  set(level: number): void {
    this.video.volume = Math.min(1, Math.max(0, level));
    this.video.muted = this.video.volume === 0;
  }

  /** What one hears, from 0 to 1. */
  get level(): number {
    return this.video.muted ? 0 : this.video.volume;
  }

  private show(): void {
    const { level } = this;
    setIcon(this.glyph, level === 0 ? "muted" : level < 0.5 ? "soft" : "loud");
    this.button.setAttribute("aria-label", level === 0 ? "Unmute" : "Mute");
    this.button.title = level === 0 ? "Unmute (m)" : "Mute (m)";
    this.slider.value = String(Math.round(level * 100));
    this.slider.style.setProperty("--level", `${level * 100}%`);
    this.slider.setAttribute("aria-valuetext", `${Math.round(level * 100)} percent`);
    remember(VOLUME_KEY, String(this.video.volume));
    remember(MUTED_KEY, this.video.muted ? "yes" : "no");
  }
}
