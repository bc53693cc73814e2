import type { Chapter } from "../api/types.ts";
import { h } from "../dom/element.ts";
import { clock, spokenClock } from "../format.ts";
import { Chapters } from "./chapters.ts";
import type { Previews } from "./previews.ts";
import type { Timeline } from "./timeline.ts";

const STEP_S = 5;
const PAGE_S = 60;

/** The line under the picture: what has been played, what is buffered, and where the pointer would go. */
export class SeekBar {
  readonly element: HTMLElement;
  private readonly track = h("span", { class: "track" });
  private readonly buffered = h("span", { class: "buffered" });
  private readonly played = h("span", { class: "played" });
  private readonly thumb = h("span", { class: "thumb" });
  private readonly chapters = new Chapters();
  private chapterList: readonly Chapter[] = [];
  private readonly picture = h("span", { class: "preview" });
  private readonly time = h("span", { class: "tip-time" });
  private readonly tip = h("output", { class: "tip", "aria-hidden": "true" });
  private readonly chapterName = h("b", {});
  private previews: Previews | null = null;
  private pointedS = 0;
  private drawnForS = 0;
  private draggingTo: number | null = null;

  constructor(
    private readonly timeline: Timeline,
    private readonly onDrag: (dragging: boolean) => void,
  ) {
    this.element = h("div", { class: "seek", role: "slider", tabindex: 0, "aria-label": "Position" });
    this.tip.append(this.picture, this.chapterName, this.time);
    this.track.append(this.buffered, this.played, this.chapters.element);
    this.element.append(this.track, this.thumb, this.tip);
    this.element.addEventListener("pointerdown", (event) => this.grab(event));
    this.element.addEventListener("pointermove", (event) => this.move(event));
    this.element.addEventListener("pointerup", (event) => this.release(event));
    this.element.addEventListener("pointercancel", () => this.letGo());
    this.element.addEventListener("pointerleave", () => this.element.classList.remove("pointing"));
    this.element.addEventListener("keydown", (event) => this.key(event));
    timeline.onChange(() => this.show());
    this.show();
  }

  /** The chapters of the film; where there are none, an empty list. */
  showChapters(chapters: readonly Chapter[]): void {
    this.chapterList = chapters;
    this.drawChapters();
    this.show();
  }

  /** The chapter that begins after a time, or before it. */
  chapterFrom(seconds: number, by: -1 | 1): { seconds: number; title: string } | undefined {
    const start = this.chapters.step(seconds, by);
    if (start === undefined) return undefined;
    return { seconds: start, title: this.chapters.at(start)?.title ?? "" };
  }

  private drawChapters(): void {
    this.drawnForS = this.durationS;
    if (this.durationS > 0) this.chapters.show(this.chapterList, this.durationS);
  }

  /** Shows these small pictures over the place that is pointed at from now on. */
  usePreviews(previews: Previews | null): void {
    this.previews = previews;
    this.element.classList.toggle("previewing", previews !== null);
    this.element.classList.toggle("single", previews?.isSingle === true);
    if (previews === null) return;
    const [width, height] = previews.size;
    const [acrossAll, downAll] = previews.spriteSize;
    this.element.style.setProperty("--tile-width", `${width}`);
    this.element.style.setProperty("--tile-height", `${height}`);
    this.element.style.setProperty("--sprite-width", `${acrossAll}`);
    this.element.style.setProperty("--sprite-height", `${downAll}`);
  }

  /** Redraws from the element's state. */
  show(): void {
    const durationS = this.durationS;
    if (durationS !== this.drawnForS) this.drawChapters();
    const positionS = this.draggingTo ?? this.timeline.position;
    const at = durationS > 0 ? Math.min(1, positionS / durationS) : 0;
    this.element.style.setProperty("--at", String(at));
    this.element.setAttribute("aria-valuemin", "0");
    this.element.setAttribute("aria-valuemax", String(Math.floor(durationS)));
    this.element.setAttribute("aria-valuenow", String(Math.floor(positionS)));
    const chapter = this.chapters.at(positionS);
    const spoken = `${spokenClock(positionS)} of ${spokenClock(durationS)}`;
    this.element.setAttribute("aria-valuetext", chapter ? `${spoken}, ${chapter.title}` : spoken);
    this.showBuffered(durationS);
  }

  private get durationS(): number {
    return this.timeline.duration;
  }

  private showBuffered(durationS: number): void {
    const ranges = this.timeline.buffered;
    while (this.buffered.childElementCount > ranges.length) this.buffered.lastElementChild?.remove();
    while (this.buffered.childElementCount < ranges.length) this.buffered.append(h("span", {}));
    if (durationS === 0) return;
    for (const [index, [start, end]] of ranges.entries()) {
      const bar = this.buffered.children[index];
      if (!(bar instanceof HTMLElement)) continue;
      bar.style.left = `${(start / durationS) * 100}%`;
      bar.style.width = `${((end - start) / durationS) * 100}%`;
    }
  }

  private fractionAt(event: PointerEvent): number {
    const box = this.track.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  }

  private grab(event: PointerEvent): void {
    if (event.button !== 0 || this.durationS === 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.draggingTo = this.fractionAt(event) * this.durationS;
    this.element.classList.add("dragging");
    this.onDrag(true);
    this.point(event);
    this.show();
  }

  private move(event: PointerEvent): void {
    this.point(event);
    if (this.draggingTo === null) return;
    this.draggingTo = this.fractionAt(event) * this.durationS;
    this.show();
  }

  private point(event: PointerEvent): void {
    const fraction = this.fractionAt(event);
    this.element.classList.add("pointing");
    this.element.style.setProperty("--pointer", String(fraction));
    this.pointedS = fraction * this.durationS;
    this.chapterName.textContent = this.chapters.at(this.pointedS)?.title ?? "";
    this.time.textContent = clock(this.pointedS);
    this.showPreview();
  }

  /** What was shown last stays until the right picture is there: it is nearer than none. */
  private showPreview(): void {
    const found = this.previews?.at(this.timeline.toMedia(this.pointedS), () => this.showPreview());
    if (!found) return;
    this.picture.style.backgroundImage = `url("${found.url}")`;
    this.picture.style.setProperty("--x", String(found.x));
    this.picture.style.setProperty("--y", String(found.y));
    this.picture.classList.add("filled");
  }

  private release(event: PointerEvent): void {
    if (this.draggingTo === null) return;
    this.timeline.seek(this.fractionAt(event) * this.durationS);
    this.letGo();
  }

  private letGo(): void {
    this.draggingTo = null;
    this.element.classList.remove("dragging", "pointing");
    this.onDrag(false);
    this.show();
  }

  private key(event: KeyboardEvent): void {
    const { position } = this.timeline;
    const target = {
      ArrowLeft: position - STEP_S,
      ArrowDown: position - STEP_S,
      ArrowRight: position + STEP_S,
      ArrowUp: position + STEP_S,
      PageDown: position - PAGE_S,
      PageUp: position + PAGE_S,
      Home: 0,
      End: this.durationS,
    }[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.timeline.seek(target);
  }
}
