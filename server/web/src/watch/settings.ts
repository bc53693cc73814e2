import { h } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";
import { moveFocus } from "../dom/menu.ts";
import type { Choice, Engine } from "./engine.ts";

export const SPEEDS: readonly number[] = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

interface Option {
  readonly label: string;
  readonly detail: string;
  readonly chosen: boolean;
  choose(): void;
}

/** The panel with quality, speed and sound: one column for each that offers a choice. */
export class Settings {
  readonly button: HTMLButtonElement;
  readonly panel = h("div", { class: "settings", role: "menu", "aria-label": "Settings", hidden: true });
  private engine: Engine | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly onToggle: (open: boolean) => void,
  ) {
    this.button = h("button", {
      type: "button",
      class: "control",
      "aria-label": "Quality, speed and sound",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
    });
    this.button.append(icon("tune"));
    this.button.addEventListener("click", () => this.toggle());
    this.panel.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.open || !(target instanceof Node)) return;
      if (!this.panel.contains(target) && !this.button.contains(target)) this.close();
    });
    video.addEventListener("ratechange", () => this.refresh());
  }

  get open(): boolean {
    return !this.panel.hidden;
  }

  use(engine: Engine | null): void {
    this.engine = engine;
    this.refresh();
  }

  toggle(): void {
    if (this.open) this.close();
    else this.show();
  }

  close(): void {
    if (!this.open) return;
    const held = this.panel.contains(document.activeElement);
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (held) this.button.focus();
    this.onToggle(false);
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
    return [...this.panel.querySelectorAll<HTMLElement>("button")];
  }

  private show(): void {
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.draw();
    (this.panel.querySelector<HTMLElement>('[aria-checked="true"]') ?? this.entries[0])?.focus({
      preventScroll: true,
    });
    this.onToggle(true);
  }

  private draw(): void {
    const columns = [column("Quality", this.qualityOptions()), column("Speed", this.speedOptions())];
    const audio = this.engine?.audioTracks ?? [];
    if (audio.length > 1) columns.push(column("Sound", this.audioOptions(audio)));
    this.panel.replaceChildren(...columns.filter((each) => each !== null));
  }

  private qualityOptions(): Option[] {
    const { engine } = this;
    if (engine === null || engine.qualities.length === 0) return [];
    const playing = engine.qualities.find(({ id }) => id === engine.playing);
    const auto: Option = {
      label: "Auto",
      detail: engine.fixed === null ? (playing?.label ?? "") : "",
      chosen: engine.fixed === null,
      choose: () => engine.fix(null),
    };
    const fixed = engine.qualities.map(({ id, label, detail }) => ({
      label,
      detail,
      chosen: engine.fixed === id,
      choose: () => engine.fix(id),
    }));
    return [auto, ...fixed];
  }

  private speedOptions(): Option[] {
    return SPEEDS.map((speed) => ({
      label: speed === 1 ? "Normal" : `${speed}×`,
      detail: "",
      chosen: this.video.playbackRate === speed,
      choose: () => {
        this.video.playbackRate = speed;
      },
    }));
  }

  private audioOptions(tracks: readonly Choice[]): Option[] {
    return tracks.map(({ id, label, detail }) => ({
      label,
      detail,
      chosen: this.engine?.audioTrack === id,
      choose: () => this.engine?.chooseAudio(id),
    }));
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
    const groups = [...this.panel.querySelectorAll("[role=group]")];
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
