import Hls, { type ErrorData, ErrorTypes, Events, type Level } from "hls.js";
import { sizeName } from "../format.ts";
import { recall, remember } from "../viewer.ts";
import { faultFromElement, faultFromHls, type PlaybackFault } from "./fault.ts";

const BANDWIDTH_KEY = "sluice.bandwidth";
const FIRST_GUESS_BPS = 4_000_000;
const BACK_BUFFER_S = 60;
const RECOVERY_WINDOW_MS = 8000;

export interface Choice {
  readonly id: number;
  readonly label: string;
  readonly detail: string;
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

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly events: EngineEvents,
  ) {}

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
    const changed = (): void => this.events.changed();
    hls.on(Events.MANIFEST_PARSED, changed);
    hls.on(Events.LEVELS_UPDATED, changed);
    hls.on(Events.LEVEL_SWITCHED, () => {
      remember(BANDWIDTH_KEY, String(Math.round(hls.bandwidthEstimate)));
      changed();
    });
    hls.on(Events.AUDIO_TRACKS_UPDATED, changed);
    hls.on(Events.AUDIO_TRACK_SWITCHED, changed);
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
      label: track.name || track.lang || `Track ${id + 1}`,
      detail: "",
    }));
  }

  get audioTrack(): number {
    return this.hls?.audioTrack ?? -1;
  }

  chooseAudio(id: number): void {
    if (this.hls) this.hls.audioTrack = id;
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
  private readonly gone = new AbortController();

  constructor(
    private readonly video: HTMLVideoElement,
    events: EngineEvents,
  ) {
    const failed = (): void => {
      if (video.hasAttribute("src")) events.failed(faultFromElement(video.error));
    };
    video.addEventListener("error", failed, { signal: this.gone.signal });
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
