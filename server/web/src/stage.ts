import type { Video } from "./api/types.ts";
import { percent, sentence } from "./format.ts";

/** What is being done to a video, in the server's own words, which are meant for people. */
export function stageText(video: Video): string {
  if (video.status === "waiting") return "Waiting its turn";
  const words = (video.stage ?? "").trim();
  return words === "" ? "Preparing" : words.charAt(0).toUpperCase() + words.slice(1);
}

/** `Encoding 720p · 43 %`. */
export function progressText(video: Video): string {
  return video.status === "waiting" ? stageText(video) : `${stageText(video)} · ${percent(video.progress)}`;
}

/** What of a video that plays could not be made, as told by the server. */
export function failureText(video: Video): string {
  const reasons = new Set(video.errors.map(({ message }) => sentence(message)));
  return `Not all of it could be prepared. ${[...reasons].join(" ")}`;
}

/** Why a video cannot be played, as told by the server. */
export function errorText(video: Video): string {
  return sentence(video.errors[0]?.message ?? "the file could not be prepared");
}
