import { h } from "../dom/element.ts";

type Place = "top" | "middle" | "bottom";

const FIRST_LINES = 4;

/**
 * Shows the cues of one text track over the picture. Browsers could do it themselves, but under our controls, in full
 * screen of another size, and each in its own way.
 */
export class Captions {
  readonly element = h("div", { class: "captions" });
  private readonly places: Readonly<Record<Place, HTMLElement>> = {
    top: h("div", { class: "cues top" }),
    middle: h("div", { class: "cues middle-lines" }),
    bottom: h("div", { class: "cues bottom" }),
  };
  private track: TextTrack | null = null;

  constructor() {
    this.element.append(this.places.top, this.places.middle, this.places.bottom);
  }

  /** Shows another track, or none. */
  show(track: TextTrack | null): void {
    if (track === this.track) {
      this.draw();
      return;
    }
    this.track?.removeEventListener("cuechange", this.draw);
    this.track = track;
    track?.addEventListener("cuechange", this.draw);
    this.element.lang = track?.language ?? "";
    this.draw();
  }

  private readonly draw = (): void => {
    const lines: Record<Place, HTMLElement[]> = { top: [], middle: [], bottom: [] };
    for (const cue of this.track?.activeCues ?? []) {
      if (!(cue instanceof VTTCue)) continue;
      const line = h("p", { class: `cue ${alignment(cue)}` }, cue.getCueAsHTML());
      lines[placeOf(cue)].push(line);
    }
    for (const place of ["top", "middle", "bottom"] as const)
      this.places[place].replaceChildren(...lines[place]);
  };
}

function placeOf(cue: VTTCue): Place {
  if (cue.line === "auto") return "bottom";
  if (cue.snapToLines) return cue.line >= 0 && cue.line < FIRST_LINES ? "top" : "bottom";
  if (cue.line < 34) return "top";
  return cue.line <= 66 ? "middle" : "bottom";
}

function alignment(cue: VTTCue): string {
  if (cue.align === "start" || cue.align === "left") return "left";
  return cue.align === "end" || cue.align === "right" ? "right" : "";
}
