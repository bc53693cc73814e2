import { ApiError, noAnswer, problemFrom } from "./problem.ts";
import type {
  AboutCaption,
  Caption,
  HistoryEntry,
  HistoryReport,
  Playback,
  Video,
  VideoPage,
} from "./types.ts";

const DEADLINE_MS = 15_000;

export interface Listing {
  readonly q: string;
  readonly sort: string;
  readonly cursor?: string;
  readonly limit?: number;
}

/** A video together with the version that a later change must name. */
export interface Versioned {
  readonly video: Video;
  readonly etag: string;
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const signal = init.signal ? AbortSignal.any([deadline, init.signal]) : deadline;
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw noAnswer(deadline.aborted);
  }
  if (!response.ok) {
    throw problemFrom(response.status, response.headers.get("Content-Type"), await response.text());
  }
  return response;
}

async function read<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await request(path, init);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(response.status, "The server's answer could not be read.", "client.unreadable");
  }
}

function videoPath(id: string): string {
  return `/videos/${encodeURIComponent(id)}`;
}

export function listVideos(listing: Listing, signal?: AbortSignal): Promise<VideoPage> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(listing)) {
    if (value !== "" && value !== undefined) query.set(name, String(value));
  }
  return read<VideoPage>(`/videos?${query}`, signal ? { signal } : {});
}

export async function getVideo(id: string, signal?: AbortSignal): Promise<Versioned> {
  const response = await request(videoPath(id), signal ? { signal } : {});
  return { video: (await response.json()) as Video, etag: response.headers.get("ETag") ?? "*" };
}

/** Renames a video that is still at version `etag`; a 412 `ApiError` says that someone else changed it. */
export async function renameVideo(id: string, title: string, etag: string): Promise<Video> {
  return read<Video>(videoPath(id), {
    method: "PATCH",
    headers: { "Content-Type": "application/json", "If-Match": etag },
    body: JSON.stringify({ title }),
  });
}

/** Adds a clip of a video: from `startMs` up to `endMs` of it. Without a title the server gives it one. */
export async function makeClip(id: string, startMs: number, endMs: number, title: string): Promise<Video> {
  return post(`${videoPath(id)}/clips`, { start_ms: startMs, end_ms: endMs, ...named(title) });
}

/** Adds a video that plays others one after the other. Without a title the server gives it one. */
export async function joinVideos(ids: readonly string[], title: string): Promise<Video> {
  return post("/videos", { input: { parts: ids.map((video_id) => ({ video_id })) }, ...named(title) });
}

function named(title: string): { title?: string } {
  return title.trim() === "" ? {} : { title: title.trim() };
}

function post(path: string, body: unknown): Promise<Video> {
  return read<Video>(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export async function deleteVideo(id: string): Promise<void> {
  await request(videoPath(id), { method: "DELETE" });
}

export async function listCaptions(id: string): Promise<readonly Caption[]> {
  const list = await read<{ data: readonly Caption[] }>(`${videoPath(id)}/captions`);
  return list.data;
}

/** Sends a file of subtitles; what cannot be read of it is an `ApiError` that names the line. */
export async function addCaption(id: string, file: File, about: AboutCaption): Promise<void> {
  const body = new FormData();
  body.set("language", about.language);
  body.set("kind", about.kind);
  body.set("default", String(about.default));
  if (about.label !== "") body.set("label", about.label);
  body.set("file", file);
  await request(`${videoPath(id)}/captions`, { method: "POST", body });
}

export async function deleteCaption(id: string, captionId: string): Promise<void> {
  await request(`${videoPath(id)}/captions/${encodeURIComponent(captionId)}`, { method: "DELETE" });
}

/** Starts a playback of a video, or of the stretch of it that `part` names. */
export function getPlayback(id: string, userId: string, part: URLSearchParams): Promise<Playback> {
  const query = new URLSearchParams([["user", userId], ...part]);
  return read<Playback>(`${videoPath(id)}/play?${query}`, { headers: { Accept: "application/json" } });
}

export async function getHistory(userId: string): Promise<readonly HistoryEntry[]> {
  const page = await read<{ data: readonly HistoryEntry[] }>(historyPath(userId));
  return page.data;
}

/** Reports a position. It outlives the page when the page is on its way out, and is never worth an error message. */
export function reportHistory(userId: string, report: HistoryReport): void {
  const body = JSON.stringify(report);
  if (report.event === "leave") {
    navigator.sendBeacon(historyPath(userId), new Blob([body], { type: "application/json" }));
    return;
  }
  fetch(historyPath(userId), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
    keepalive: true,
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).catch(() => undefined);
}

function historyPath(userId: string): string {
  return `/users/${encodeURIComponent(userId)}/history`;
}
