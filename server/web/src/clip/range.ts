import { h } from "../dom/element.ts";
import { exactClock, spokenClock } from "../format.ts";
import type { Previews } from "../watch/previews.ts";

const STEP_S = 1;
const FINE_STEP_S = 0.1;
const WHOLE_S = 150;
const WINDOW_S = 120;
const LEAST_S = 0.1;
const TILE_RATIO = 16 / 9;

export type Side = "start" | "end";

export interface RangeEvents {
  /** A point is another now; `moving` says that a finger or a mouse is still on it. */
  changed(side: Side, moving: boolean): void;
  /** Somebody pointed at a place between the two. */
  pointed(seconds: number): void;
}

/**
 * A strip of pictures with a handle at each end of what is chosen. Of a long film it shows the surroundings of the choice,
 * so that a second is wide enough for a finger.
 */
export class ClipRange {
  readonly element: HTMLElement;
  startS = 0;
  endS = 0;
  private readonly strip = h("span", { class: "strip", "aria-hidden": "true" });
  private readonly chosen = h("span", { class: "chosen", "aria-hidden": "true" });
  private readonly head = h("span", { class: "head", "aria-hidden": "true" });
  private readonly handles: Readonly<Record<Side, HTMLElement>>;
  private durationS = 0;
  private fromS = 0;
  private toS = 0;
  private previews: Previews | null = null;

  constructor(
    private readonly events: RangeEvents,
    /** Where in the media, whose pictures are shown, a moment is. */
    private readonly toMedia: (seconds: number) => number,
  ) {
    this.handles = { start: this.handle("start", "Beginning"), end: this.handle("end", "End") };
    this.element = h("div", { class: "clip-range" }, this.strip, this.chosen, this.head);
    this.element.append(this.handles.start, this.handles.end);
    this.element.addEventListener("pointerdown", (event) => this.point(event));
    new ResizeObserver(() => this.drawStrip()).observe(this.element);
  }

  /** Begins anew with a choice in a video of some length, whose pictures come from `previews`. */
  show(startS: number, endS: number, durationS: number, previews: Previews | null): void {
    this.durationS = durationS;
    this.previews = previews;
    this.choose(startS, endS);
    this.look();
  }

  /** Sets a point; the other one gives way where it has to. */
  set(side: Side, seconds: number): void {
    const wanted = Math.min(this.durationS, Math.max(0, seconds));
    if (side === "start") {
      const startS = Math.min(wanted, Math.max(0, this.durationS - LEAST_S));
      this.choose(startS, this.endS > startS ? this.endS : Math.min(this.durationS, startS + 10));
    } else {
      const endS = Math.max(wanted, Math.min(LEAST_S, this.durationS));
      this.choose(this.startS < endS ? this.startS : Math.max(0, endS - 10), endS);
    }
    if (this.startS < this.fromS || this.endS > this.toS) this.look();
  }

  /** Draws where the film is. */
  showPosition(seconds: number): void {
    const within = seconds >= this.fromS && seconds <= this.toS;
    this.head.hidden = !within;
    this.head.style.left = `${100 * this.fraction(seconds)}%`;
  }

  /** Chooses what the strip shows: all of a short film, the surroundings of the choice in a long one. */
  private look(): void {
    const lengthS = Math.max(WINDOW_S, 2 * (this.endS - this.startS));
    if (this.durationS <= Math.max(WHOLE_S, lengthS)) {
      this.fromS = 0;
      this.toS = this.durationS;
    } else {
      const middleS = (this.startS + this.endS) / 2;
      this.fromS = Math.max(0, Math.min(this.durationS - lengthS, middleS - lengthS / 2));
      this.toS = this.fromS + lengthS;
    }
    this.drawStrip();
    this.draw();
  }

  private choose(startS: number, endS: number): void {
    this.startS = startS;
    this.endS = endS;
    this.draw();
  }

  private draw(): void {
    const [left, right] = [this.fraction(this.startS), this.fraction(this.endS)];
    this.chosen.style.left = `${100 * left}%`;
    this.chosen.style.width = `${100 * (right - left)}%`;
    for (const side of ["start", "end"] as const) {
      const seconds = side === "start" ? this.startS : this.endS;
      const handle = this.handles[side];
      handle.style.left = `${100 * this.fraction(seconds)}%`;
      handle.setAttribute("aria-valuemax", this.durationS.toFixed(1));
      handle.setAttribute("aria-valuenow", seconds.toFixed(1));
      handle.setAttribute("aria-valuetext", spokenClock(seconds));
      handle.dataset.time = exactClock(seconds);
    }
  }

  private drawStrip(): void {
    const previews = this.previews;
    const { width, height } = this.element.getBoundingClientRect();
    this.strip.classList.toggle("filled", previews !== null);
    if (previews === null || width === 0 || this.toS <= this.fromS) {
      this.strip.replaceChildren();
      return;
    }
    const count = Math.max(1, Math.round(width / (height * TILE_RATIO)));
    const stepS = (this.toS - this.fromS) / count;
    this.strip.replaceChildren(
      ...Array.from({ length: count }, (_, at) => {
        const tile = h("span", {});
        this.drawTile(tile, this.fromS + (at + 0.5) * stepS, width / count, height);
        return tile;
      }),
    );
  }

  private drawTile(tile: HTMLElement, seconds: number, width: number, height: number): void {
    const previews = this.previews;
    if (previews === null) return;
    const found = previews.at(this.toMedia(seconds), () => this.drawTile(tile, seconds, width, height));
    if (found === null) return;
    const [across, down] = previews.size;
    const [acrossAll, downAll] = previews.spriteSize;
    tile.style.backgroundImage = `url("${found.url}")`;
    tile.classList.toggle("single", previews.isSingle);
    if (previews.isSingle) return;
    const scale = Math.max(width / across, height / down);
    tile.style.backgroundSize = `${acrossAll * scale}px ${downAll * scale}px`;
    const [left, top] = [(across * scale - width) / 2, (down * scale - height) / 2];
    tile.style.backgroundPosition = `${-found.x * scale - left}px ${-found.y * scale - top}px`;
  }

  private fraction(seconds: number): number {
    const lengthS = this.toS - this.fromS;
    return lengthS > 0 ? Math.min(1, Math.max(0, (seconds - this.fromS) / lengthS)) : 0;
  }

  private secondsAt(event: PointerEvent): number {
    const box = this.element.getBoundingClientRect();
    const across = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return this.fromS + across * (this.toS - this.fromS);
  }

  private handle(side: Side, label: string): HTMLElement {
    const handle = h("span", {
      class: `handle ${side}`,
      role: "slider",
      tabindex: 0,
      "aria-label": label,
      "aria-valuemin": "0",
    });
    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
      handle.classList.add("held");
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.classList.contains("held")) return;
      this.drag(side, this.secondsAt(event));
      this.events.changed(side, true);
    });
    const letGo = (): void => {
      if (!handle.classList.contains("held")) return;
      handle.classList.remove("held");
      this.events.changed(side, false);
    };
    handle.addEventListener("pointerup", letGo);
    handle.addEventListener("pointercancel", letGo);
    handle.addEventListener("keydown", (event) => this.key(side, event));
    return handle;
  }

  /** Moves a point, no further than the other one. */
  private drag(side: Side, seconds: number): void {
    if (side === "start") this.choose(Math.max(0, Math.min(seconds, this.endS - LEAST_S)), this.endS);
    else this.choose(this.startS, Math.min(this.durationS, Math.max(seconds, this.startS + LEAST_S)));
  }

  private key(side: Side, event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const now = side === "start" ? this.startS : this.endS;
    const step = event.shiftKey ? FINE_STEP_S : STEP_S;
    const target = {
      ArrowLeft: now - step,
      ArrowDown: now - step,
      ArrowRight: now + step,
      ArrowUp: now + step,
      PageDown: now - 10 * STEP_S,
      PageUp: now + 10 * STEP_S,
      Home: side === "start" ? 0 : this.startS + LEAST_S,
      End: side === "start" ? this.endS - LEAST_S : this.durationS,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.drag(side, target);
    if (this.startS < this.fromS || this.endS > this.toS) this.look();
    this.events.changed(side, false);
  }

  private point(event: PointerEvent): void {
    if (event.button === 0) this.events.pointed(this.secondsAt(event));
  }
}
