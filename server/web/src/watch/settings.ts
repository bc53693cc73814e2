import type { Engine } from "./engine.ts";
import { type Option, Panel } from "./panel.ts";

export const SPEEDS: readonly number[] = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

/** The panel with quality and speed. */
export class Settings {
  readonly panel: Panel;
  private engine: Engine | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    onToggle: (open: boolean) => void,
  ) {
    this.panel = new Panel({
      name: "Quality and speed",
      glyph: "tune",
      columns: () => [
        { title: "Quality", options: this.qualityOptions() },
        { title: "Speed", options: this.speedOptions() },
      ],
      onToggle,
    });
    video.addEventListener("ratechange", () => this.panel.refresh());
  }

  use(engine: Engine | null): void {
    this.engine = engine;
    this.panel.refresh();
  }

  private qualityOptions(): Option[] {
    const engine = this.engine;
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
}
