import type { Chapter } from "../api/types.ts";
import { h } from "../dom/element.ts";
import { clock } from "../format.ts";
import { Captions } from "./captions.ts";
import { Controls } from "./controls.ts";
import { type Engine, type EngineEvents, makeEngine } from "./engine.ts";
import type { PlaybackFault } from "./fault.ts";
import { listenToPointer } from "./gestures.ts";
import { Idle } from "./idle.ts";
import { type Commands, helpDialog, listenToKeys } from "./keyboard.ts";
import { Languages } from "./languages.ts";
import { Overlay } from "./overlay.ts";
import type { Previews } from "./previews.ts";
import { Screen } from "./screen.ts";
import { SeekBar } from "./seekbar.ts";
import { Settings, SPEEDS } from "./settings.ts";
import { ShakaEngine } from "./shaka.ts";
import { Timeline } from "./timeline.ts";
import { Volume } from "./volume.ts";

const FRAME_S = 1 / 24;
const FIRST_RETRY_MS = 3000;
const LONGEST_RETRY_MS = 30_000;

const UNSUPPORTED: PlaybackFault = {
  heading: "This browser cannot play it",
  text: "It knows neither Media Source Extensions nor HLS. A current browser does.",
  retry: "never",
};

/** The stage: the picture, the controls over it, and everything a viewer can do to them. */
export class Player implements Commands {
  readonly video = h("video", { playsinline: true, preload: "auto", tabindex: -1 });
  readonly timeline = new Timeline(this.video);
  readonly overlay = new Overlay();
  /** What setting the beginning or the end of a clip means; nothing where no clips are made. */
  onMark: (side: "start" | "end") => void = () => undefined;
  /** How many times playback has stopped with an error; tests read it. */
  errorCount = 0;
  private readonly events: EngineEvents;
  private engine: Engine | null;
  private readonly volume: Volume;
  private readonly settings: Settings;
  private readonly languages: Languages;
  private readonly captions = new Captions();
  private readonly seek: SeekBar;
  private readonly screen: Screen;
  private readonly idle: Idle;
  private readonly help = helpDialog();
  private dragging = false;
  private url = "";
  private licence: string | null = null;
  private retryMs = FIRST_RETRY_MS;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly stage: HTMLElement) {
    this.events = {
      changed: () => {
        this.settings.panel.refresh();
        this.languages.refresh();
      },
      failed: (fault) => this.fail(fault),
    };
    this.engine = makeEngine(this.video, this.events);
    this.volume = new Volume(this.video);
    this.screen = new Screen(stage, this.video);
    this.settings = new Settings(this.video, () => this.idle.wake());
    this.languages = new Languages(
      (track) => this.captions.show(track),
      () => this.idle.wake(),
    );
    this.seek = new SeekBar(this.timeline, (dragging) => {
      this.dragging = dragging;
      this.idle.wake();
    });
    const controls = new Controls(this.video, this.timeline, {
      seek: this.seek,
      volume: this.volume,
      panels: [this.languages.panel, this.settings.panel],
      screen: this.screen,
      togglePlay: () => this.togglePlay(),
      seekBy: (seconds) => this.seekBy(seconds),
      help: () => this.toggleHelp(),
    });
    this.settings.use(this.engine);
    this.languages.use(this.engine);
    const surface = h("div", { class: "surface" });
    stage.prepend(
      this.video,
      this.captions.element,
      surface,
      this.overlay.element,
      controls.middle,
      controls.element,
    );
    stage.append(this.settings.panel.element, this.languages.panel.element, this.help);
    this.idle = new Idle(stage, () => this.isBusy);
    this.listen(surface);
  }

  /**
   * Starts `url` at `startS` seconds of the video, as far as the browser lets a page start by itself. With a `licence` it is
   * DASH under ClearKey.
   */
  start(url: string, startS: number, licence: string | null = null): void {
    this.url = url;
    this.licence = licence;
    if (licence !== null) this.use(new ShakaEngine(this.video, this.events, licence));
    this.overlay.clear();
    this.stage.classList.add("started");
    if (this.engine === null) {
      this.fail(UNSUPPORTED);
      return;
    }
    this.overlay.setBuffering(true);
    this.engine.load(url, this.timeline.toMedia(startS));
    this.play();
  }

  /** Shows small pictures of the film over the seek bar. */
  usePreviews(previews: Previews | null): void {
    this.seek.usePreviews(previews);
  }

  /** Begins anew where it stands, for a source that failed or has better qualities now. */
  reload(): void {
    this.start(this.url, this.timeline.position, this.licence);
  }

  private use(engine: Engine): void {
    this.engine?.destroy();
    this.engine = engine;
    this.settings.use(engine);
    this.languages.use(engine);
  }

  /** The height of the largest picture to be had now; 0 where that is unknown. */
  get tallest(): number {
    return this.engine?.tallest ?? 0;
  }

  togglePlay(): void {
    if (this.overlay.blocked) return;
    if (this.timeline.ended) this.timeline.seek(0);
    if (this.video.paused) this.play();
    else this.video.pause();
  }

  seekBy(seconds: number): void {
    this.seekTo(this.timeline.position + seconds);
    const side = seconds < 0 ? -1 : 1;
    this.overlay.bump("replay", `${seconds < 0 ? "−" : "+"}${Math.abs(seconds)} s`, side);
  }

  seekToFraction(fraction: number): void {
    this.seekTo(this.timeline.duration * fraction);
    this.overlay.bump("play", clock(this.timeline.position));
  }

  volumeBy(step: number): void {
    this.volume.set(this.volume.level + step);
    this.answerVolume();
  }

  toggleMute(): void {
    this.volume.toggle();
    this.answerVolume();
  }

  toggleFull(): void {
    this.screen.toggleFull();
  }

  togglePip(): void {
    this.screen.togglePip();
  }

  changeSpeed(steps: number): void {
    const at = SPEEDS.findIndex((speed) => speed >= this.video.playbackRate);
    const next = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + steps))] ?? 1;
    this.video.playbackRate = next;
    this.overlay.bump("tune", `${next}×`);
  }

  stepFrame(direction: number): void {
    if (this.video.paused) this.seekTo(this.timeline.position + direction * FRAME_S);
  }

  toggleSettings(): void {
    this.idle.wake();
    this.settings.panel.toggle();
  }

  toggleLanguages(): void {
    this.idle.wake();
    this.languages.panel.toggle();
  }

  toggleText(): void {
    this.overlay.bump("captions", this.languages.toggleText());
  }

  /** The chapters of the film, to be marked on its bar. */
  showChapters(chapters: readonly Chapter[]): void {
    this.seek.showChapters(chapters);
  }

  stepChapter(by: -1 | 1): void {
    const chapter = this.seek.chapterFrom(this.timeline.position, by);
    if (chapter === undefined) return;
    this.seekTo(chapter.seconds);
    this.overlay.bump("play", chapter.title);
  }

  markClip(side: "start" | "end"): void {
    this.onMark(side);
  }

  toggleHelp(): void {
    if (this.help.open) this.help.close();
    else this.help.showModal();
  }

  private get isBusy(): boolean {
    return (
      this.video.paused ||
      this.settings.panel.open ||
      this.languages.panel.open ||
      this.dragging ||
      this.overlay.blocked ||
      this.help.open
    );
  }

  private play(): void {
    // A browser that wants a gesture first refuses here; the button in the middle then waits for it.
    this.video.play().catch(() => this.overlay.setBuffering(false));
  }

  private seekTo(seconds: number): void {
    if (this.video.readyState === 0) return;
    this.timeline.seek(seconds);
    this.idle.wake();
  }

  private answerVolume(): void {
    const percent = Math.round(this.volume.level * 100);
    this.overlay.bump(percent === 0 ? "muted" : percent < 50 ? "soft" : "loud", `${percent} %`);
  }

  private listen(surface: HTMLElement): void {
    const { video, stage, overlay } = this;
    listenToKeys(this);
    listenToPointer(surface, {
      click: () => this.togglePlay(),
      doubleClick: () => this.toggleFull(),
      tap: () => (this.idle.asleep ? this.idle.wake() : this.idle.sleep()),
      doubleTap: (side) => this.seekBy(side * 10),
    });
    video.addEventListener("waiting", () => overlay.setBuffering(true));
    video.addEventListener("seeking", () => overlay.setBuffering(true));
    for (const name of ["playing", "canplay", "seeked", "ended"]) {
      video.addEventListener(name, () => overlay.setBuffering(false));
    }
    video.addEventListener("play", () => stage.classList.remove("paused"));
    video.addEventListener("pause", () => {
      stage.classList.add("paused");
      this.idle.wake();
    });
    video.addEventListener("playing", () => {
      stage.classList.add("played");
      this.retryMs = FIRST_RETRY_MS;
      this.idle.wake();
    });
    video.addEventListener("resize", () => this.fitFrame());
    // Keys are for the film again at once, not for a button of the closed dialog.
    this.help.addEventListener("close", () => stage.focus({ preventScroll: true }));
    window.addEventListener("online", () => {
      if (this.retryTimer !== undefined) this.retryNow();
    });
    stage.classList.add("paused");
  }

  private fitFrame(): void {
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth > 0 && videoHeight > 0) {
      document.documentElement.style.setProperty("--aspect", String(videoWidth / videoHeight));
    }
  }

  private fail(fault: PlaybackFault): void {
    this.errorCount += 1;
    this.video.pause();
    this.overlay.showFault(fault, () => this.retryNow());
    if (fault.retry !== "by itself") return;
    this.retryTimer = setTimeout(() => this.retryNow(), this.retryMs);
    this.retryMs = Math.min(LONGEST_RETRY_MS, this.retryMs * 2);
  }

  private retryNow(): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    this.reload();
  }
}
