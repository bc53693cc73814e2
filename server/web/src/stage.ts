import type { Video } from "./api/types.ts";
import { percent, sentence } from "./format.ts";

const STAGES: Readonly<Record<string, string>> = {
  queued: "Waiting its turn",
  probe: "Looking at the file",
  copy: "Unpacking",
  transcode: "Encoding",
  poster: "Choosing a picture",
  publish: "Opening the gates",
};

/** What is being done to a video, in words. Stages that this page does not know are shown as the server names them. */
export function stageText(video: Video): string {
  if (video.status === "waiting") return "Waiting its turn";
  const stage = video.stage ?? "";
  const known = STAGES[stage];
  if (known) return known;
  const words = stage.replace(/[_.:-]+/g, " ").trim();
  return words === "" ? "Preparing" : words.charAt(0).toUpperCase() + words.slice(1);
}

/** `Encoding 720p · 43 %`. */
export function progressText(video: Video): string {
  return video.status === "waiting" ? stageText(video) : `${stageText(video)} · ${percent(video.progress)}`;
}

/** Why a video cannot be played, as told by the server. */
export function errorText(video: Video): string {
  return sentence(video.errors[0]?.message ?? "the file could not be prepared");
}
