import Hls, { type ErrorData, ErrorTypes, Events, type Level } from "hls.js";
import { languageName, sizeName } from "../format.ts";
import { recall, remember } from "../viewer.ts";
import { faultFromElement, faultFromHls, type PlaybackFault } from "./fault.ts";

const BANDWIDTH_KEY = "sluice.bandwidth";
const FIRST_GUESS_BPS = 4_000_000;
const BACK_BUFFER_S = 60;
const RECOVERY_WINDOW_MS = 8000;
/** Captions inside of the picture are counted from here, behind all subtitle renditions. */
const CAPTIONS_FROM = 1000;

export interface Choice {
  readonly id: number;
  readonly label: string;
  readonly detail: string;
}

export interface TextChoice extends Choice {
  /** What it is remembered by: other films have other ids. */
  readonly key: string;
  readonly language: string;
  readonly isForced: boolean;
}

export interface EngineEvents {
  /** The choices, or what is chosen, are different now. */
  changed(): void;
  /** Playback has stopped for good unless `load` is called again. */
  failed(fault: PlaybackFault): void;
}

/** What brings media into a `<video>` element. */
export interface Engine {
  load(url: string, startS: number): void;
  destroy(): void;
  /** Picture qualities, best first; empty where there is nothing to choose. */
  readonly qualities: readonly Choice[];
  /** The height of the largest picture to be had, in pixels; 0 where that is unknown. */
  readonly tallest: number;
  /** The quality that plays now. */
  readonly playing: number | null;
  /** The quality that the viewer fixed, null for automatic. */
  readonly fixed: number | null;
  fix(quality: number | null): void;
  readonly audioTracks: readonly Choice[];
  readonly audioTrack: number;
  chooseAudio(id: number): void;
  /** The language of what is heard; empty where that is unknown. */
  readonly audioLanguage: string;
  readonly textTracks: readonly TextChoice[];
  /** The text track that is read, -1 for none. */
  readonly textTrack: number;
  chooseText(id: number): void;
  /** The cues of that track, for us to show. */
  readonly shownText: TextTrack | null;
}

/**
 * hls.js where Media Source Extensions exist, else the browser's own HLS. Not the other way round: Chromium answers
 * "maybe" when asked whether it plays HLS.
 */
export function makeEngine(video: HTMLVideoElement, events: EngineEvents): Engine | null {
  if (Hls.isSupported()) return new HlsEngine(video, events);
  if (video.canPlayType("application/vnd.apple.mpegurl") !== "") return new NativeEngine(video, events);
  return null;
}

class HlsEngine implements Engine {
  private hls: Hls | null = null;
  private recoveredMs = Number.NEGATIVE_INFINITY;
  /** Which captions from inside of the picture are read, by place; -1 for none. */
  private captions = -1;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly events: EngineEvents,
  ) {
    video.textTracks.addEventListener("addtrack", () => this.events.changed());
  }

  load(url: string, startS: number): void {
    this.destroy();
    const hls = new Hls({
      workerPath: HLS_WORKER_URL,
      startPosition: startS > 0 ? startS : -1,
      backBufferLength: BACK_BUFFER_S,
      capLevelToPlayerSize: true,
      abrEwmaDefaultEstimate: Number(recall(BANDWIDTH_KEY)) || FIRST_GUESS_BPS,
    });
    this.hls = hls;
    this.captions = -1;
    hls.subtitleDisplay = false; // we show them
    // Later, for hls.js tells of new tracks before it has chosen among them.
    const changed = (): void => {
      setTimeout(() => {
        if (this.hls === hls) this.events.changed();
      }, 0);
    };
    hls.on(Events.MANIFEST_PARSED, changed);
    hls.on(Events.LEVELS_UPDATED, changed);
    hls.on(Events.LEVEL_SWITCHED, () => {
      remember(BANDWIDTH_KEY, String(Math.round(hls.bandwidthEstimate)));
      changed();
    });
    hls.on(Events.AUDIO_TRACKS_UPDATED, changed);
    hls.on(Events.AUDIO_TRACK_SWITCHED, changed);
    hls.on(Events.SUBTITLE_TRACKS_UPDATED, changed);
    hls.on(Events.SUBTITLE_TRACK_SWITCH, changed);
    hls.on(Events.ERROR, (_, data) => this.onError(hls, data));
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  destroy(): void {
    this.hls?.destroy();
    this.hls = null;
  }

  get qualities(): readonly Choice[] {
    const levels = this.hls?.levels ?? [];
    return levels
      .map((level, id) => ({ id, label: levelName(level), detail: megabits(level.bitrate) }))
      .sort((a, b) => (levels[b.id]?.bitrate ?? 0) - (levels[a.id]?.bitrate ?? 0));
  }

  get tallest(): number {
    return Math.max(0, ...(this.hls?.levels ?? []).map(({ height }) => height));
  }

  get playing(): number | null {
    const level = this.hls?.currentLevel ?? -1;
    return level < 0 ? null : level;
  }

  get fixed(): number | null {
    return this.hls === null || this.hls.autoLevelEnabled ? null : this.hls.manualLevel;
  }

  fix(quality: number | null): void {
    // `nextLevel` changes at the next fragment and keeps playing; `currentLevel` would stop to fill up anew.
    if (this.hls) this.hls.nextLevel = quality ?? -1;
    this.events.changed();
  }

  get audioTracks(): readonly Choice[] {
    const tracks = this.hls?.audioTracks ?? [];
    return tracks.map((track, id) => ({
      id,
      label: trackName(track.name, track.lang ?? "", id),
      detail: "",
    }));
  }

  get audioTrack(): number {
    return this.hls?.audioTrack ?? -1;
  }

  chooseAudio(id: number): void {
    if (this.hls) this.hls.audioTrack = id;
  }

  get audioLanguage(): string {
    return this.hls?.audioTracks[this.audioTrack]?.lang ?? "";
  }

  get textTracks(): readonly TextChoice[] {
    const subtitles = (this.hls?.subtitleTracks ?? []).map((track, id) => ({
      id,
      ...textName(track.name, track.lang ?? "", track.forced, isForDeaf(track.characteristics ?? "")),
    }));
    const captions = this.captionTracks.map((track, place) => ({
      id: CAPTIONS_FROM + place,
      ...textName(track.label, track.language, false, true),
    }));
    return [...subtitles, ...captions];
  }

  get textTrack(): number {
    return this.captions >= 0 ? CAPTIONS_FROM + this.captions : (this.hls?.subtitleTrack ?? -1);
  }

  chooseText(id: number): void {
    const { hls } = this;
    if (hls === null) return;
    this.captions = id >= CAPTIONS_FROM ? id - CAPTIONS_FROM : -1;
    this.captionTracks.forEach((track, place) => {
      track.mode = place === this.captions ? "hidden" : "disabled";
    });
    const subtitle = this.captions >= 0 ? -1 : id;
    hls.subtitleDisplay = false;
    if (hls.subtitleTrack !== subtitle) hls.subtitleTrack = subtitle;
    this.events.changed();
  }

  get shownText(): TextTrack | null {
    if (this.captions >= 0) return this.captionTracks[this.captions] ?? null;
    return this.hls?.subtitleTracks[this.hls.subtitleTrack]?.trackNode?.track ?? null;
  }

  /** Tracks that hls.js makes of captions inside of the picture, once it finds some. */
  private get captionTracks(): TextTrack[] {
    const own = new Set((this.hls?.allSubtitleTracks ?? []).map(({ trackNode }) => trackNode?.track));
    return [...this.video.textTracks].filter((track) => track.kind === "captions" && !own.has(track));
  }

  private onError(hls: Hls, data: ErrorData): void {
    if (!data.fatal) return;
    const nowMs = performance.now();
    if (data.type === ErrorTypes.MEDIA_ERROR && nowMs - this.recoveredMs > RECOVERY_WINDOW_MS) {
      this.recoveredMs = nowMs;
      hls.recoverMediaError();
      return;
    }
    this.events.failed(faultFromHls(data));
  }
}

class NativeEngine implements Engine {
  readonly qualities: readonly Choice[] = [];
  readonly tallest = 0;
  readonly playing = null;
  readonly fixed = null;
  readonly audioTracks: readonly Choice[] = [];
  readonly audioTrack = -1;
  readonly audioLanguage = "";
  private readonly gone = new AbortController();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly events: EngineEvents,
  ) {
    const options = { signal: this.gone.signal };
    video.textTracks.addEventListener("addtrack", () => events.changed(), options);
    const failed = (): void => {
      if (video.hasAttribute("src")) events.failed(faultFromElement(video.error));
    };
    video.addEventListener("error", failed, options);
  }

  load(url: string, startS: number): void {
    this.video.src = url;
    const seek = (): void => {
      if (startS > 0) this.video.currentTime = startS;
    };
    this.video.addEventListener("loadedmetadata", seek, { once: true, signal: this.gone.signal });
  }

  destroy(): void {
    this.gone.abort();
    this.video.removeAttribute("src");
    this.video.load();
  }

  fix(): void {
    // The browser decides by itself.
  }

  chooseAudio(): void {
    // The browser offers this in its own menu.
  }

  get textTracks(): readonly TextChoice[] {
    return this.texts.map((track, id) => ({
      id,
      ...textName(track.label, track.language, false, track.kind === "captions"),
    }));
  }

  get textTrack(): number {
    return this.texts.findIndex(({ mode }) => mode !== "disabled");
  }

  chooseText(chosen: number): void {
    this.texts.forEach((track, id) => {
      track.mode = id === chosen ? "hidden" : "disabled";
    });
    this.events.changed();
  }

  get shownText(): TextTrack | null {
    return this.texts[this.textTrack] ?? null;
  }

  private get texts(): TextTrack[] {
    return [...this.video.textTracks].filter(({ kind }) => kind === "subtitles" || kind === "captions");
  }
}

const TRANSCRIBES = "public.accessibility.describes-music-and-sound";

function isForDeaf(characteristics: string): boolean {
  return characteristics.includes(TRANSCRIBES);
}

/** The name of a text track for a person: its language, unless somebody gave it another name. */
export function textName(
  name: string,
  language: string,
  isForced: boolean,
  isForDeaf: boolean,
): Omit<TextChoice, "id"> {
  const detail = isForced ? "forced" : isForDeaf ? "SDH" : "";
  const own = name.replace(/ \((?:SDH|forced)\)$/, "");
  const label = own === "" || own === language ? languageName(language) : own;
  return {
    label,
    detail,
    language,
    isForced,
    key: [language, detail, own === language ? "" : own].join("|"),
  };
}

/** The name of a sound for a person; `id` is its place. */
export function trackName(name: string, language: string, id: number): string {
  return name === language && name !== "" ? languageName(language) : name || `Track ${id + 1}`;
}

function levelName(level: Level): string {
  if (!level.width || !level.height) return level.name || "Audio";
  const fast = level.frameRate > 31 ? String(Math.round(level.frameRate)) : "";
  return `${sizeName(level.width, level.height)}${fast}`;
}

function megabits(bitsPerS: number): string {
  return bitsPerS >= 1_000_000
    ? `${(bitsPerS / 1_000_000).toFixed(1)} Mb/s`
    : `${Math.round(bitsPerS / 1000)} kb/s`;
}
