/** The shapes that the API answers with. Times are RFC 3339, durations and positions milliseconds. */

export type VideoStatus = "waiting" | "preparing" | "playable" | "ready" | "errored";

export interface Rendition {
  readonly kind: "v" | "a" | "t";
  readonly name: string;
  readonly codec: string;
  readonly width: number | null;
  readonly height: number | null;
  readonly bandwidth: number;
}

export interface Chapter {
  readonly start_ms: number;
  /** Null while the film's length is not known. */
  readonly end_ms: number | null;
  readonly title: string;
}

export type CaptionKind = "subtitles" | "captions" | "forced";

/** What is said of a file of subtitles that is sent. */
export interface AboutCaption {
  readonly language: string;
  readonly label: string;
  readonly kind: CaptionKind;
  readonly default: boolean;
}

/** A text track: from within the film, or sent beside it. */
export interface Caption extends Omit<AboutCaption, "label"> {
  readonly id: string;
  readonly label: string | null;
  readonly uploaded: boolean;
}

/** A track of the file that is not published, and why. */
export interface IgnoredTrack {
  readonly kind: string;
  readonly codec: string;
  readonly language: string;
  readonly reason: string;
}

export interface Video {
  readonly id: string;
  readonly title: string;
  readonly status: VideoStatus;
  /** From 0 to 1, over everything that is still to be prepared. */
  readonly progress: number;
  readonly stage: string | null;
  readonly created_at: string;
  readonly duration_ms: number | null;
  /** Null for what was made from other videos: `parts` says from which. */
  readonly source: { readonly filename: string; readonly size_bytes: number } | null;
  readonly parts: readonly {
    readonly video_id: string;
    readonly start_ms: number;
    readonly end_ms: number;
  }[];
  /** What failed: all of it, or single encodings of a video that plays. */
  readonly errors: readonly {
    readonly code: string;
    readonly message: string;
    readonly step: string | null;
  }[];
  readonly renditions: readonly Rendition[];
  readonly poster: string | null;
  readonly chapters: readonly Chapter[];
  readonly ignored_tracks: readonly IgnoredTrack[];
  readonly storyboard: StoryboardLinks | null;
}

export interface VideoPage {
  readonly data: readonly Video[];
  readonly next_cursor: string | null;
  readonly has_more: boolean;
}

/** Small pictures for the seek bar. */
export interface StoryboardLinks {
  readonly vtt: string;
  readonly json: string;
}

/** How the media is encrypted. HLS under AES-128 names its keys itself. */
export interface Drm {
  readonly protection: string;
  readonly clearkey: { readonly license_url: string } | null;
}

export interface Playback {
  readonly playback_id: string;
  readonly session_id: string;
  readonly hls: string;
  readonly dash: string | null;
  readonly drm: Drm | null;
  readonly poster: string | null;
  /** Where on the player's own timeline the video begins and ends; the others count from its beginning. */
  readonly start_ms: number;
  readonly end_ms: number | null;
  readonly resume_ms: number;
  readonly duration_ms: number | null;
  readonly title: string;
  readonly storyboard: StoryboardLinks | null;
  /** The picture of any moment, counted as positions are: its milliseconds go where `{ms}` is. */
  readonly thumbnail: string | null;
  /** Of what was cut, too; times in them are those of the player's own timeline. */
  readonly chapters: { readonly vtt: string; readonly json: string } | null;
}

export interface HistoryEntry {
  readonly video_id: string;
  readonly position_ms: number;
  readonly duration_ms: number | null;
}

/** One report of where a viewer is. The report with the latest `client_ts` counts. */
export interface HistoryReport extends HistoryEntry {
  readonly session_id: string;
  readonly client_ts: string;
  readonly event?: "pause" | "ended" | "leave";
}

/** RFC 9457 problem document, with the members that Sluice adds. */
export interface ProblemDocument {
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly code?: string;
  readonly request_id?: string;
}

export function isPlayable(video: Video): boolean {
  return video.status === "playable" || video.status === "ready";
}

/** Whether the server is still at work on it, so that asking again will tell something new. */
export function isChanging(video: Video): boolean {
  const isEnd = video.status === "errored" || (video.status === "ready" && video.stage === null);
  return !isEnd;
}
