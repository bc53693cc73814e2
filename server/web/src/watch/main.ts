/** The watch page: finds the video, waits until it can be played, plays it. */

import "../styles/watch.css";
import "../styles/clip.css";
import { getPlayback, getVideo } from "../api/client.ts";
import { Poller } from "../api/poller.ts";
import { ApiError } from "../api/problem.ts";
import { isChanging, isPlayable, type Playback, type StoryboardLinks, type Video } from "../api/types.ts";
import { ClipMaker } from "../clip/maker.ts";
import { copyText } from "../dom/clipboard.ts";
import { required, setText } from "../dom/element.ts";
import { notify } from "../dom/notice.ts";
import { ago, bytes, clock, sizeName } from "../format.ts";
import { errorText, failureText } from "../stage.ts";
import { viewerId } from "../viewer.ts";
import { readChapters } from "./chapters.ts";
import { faultFromApi, faultFromFile } from "./fault.ts";
import { HistoryReporter, resumeAt } from "./history.ts";
import { describeToSystem } from "./mediasession.ts";
import { Player } from "./player.ts";
import { Previews } from "./previews.ts";
import { sourceOf } from "./source.ts";

const videoId = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");
const userId = viewerId();
const part = stretch(new URLSearchParams(location.search));

const stage = required("#stage", HTMLElement);
const about = required("#about", HTMLElement);
const title = required("#title", HTMLElement);
const meta = required("#meta", HTMLElement);
const failures = required("#failures", HTMLElement);
const notices = required("#notices", HTMLElement);
const ambient = required("#ambient", HTMLImageElement);

const player = new Player(stage);
const clips = part.toString() === "" ? offerClips() : null;
let playback: Playback | null = null;
let offered = 0;
let previewed = false;

/** The stretch that the address asks for: a link may show a part of a video. */
function stretch(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([name]) => name === "start_ms" || name === "end_ms"));
}

/** A part of a video, named by the address, is cut from the video itself. */
function offerClips(): ClipMaker {
  const maker = new ClipMaker(player, videoId, (message) => notify(notices, message));
  required("#actions", HTMLElement).prepend(maker.button);
  stage.after(maker.element);
  return maker;
}

/** Reads the video's state and does what it asks for. True when something changed. */
async function look(): Promise<boolean> {
  try {
    const { video } = await getVideo(videoId);
    show(video);
    if (playback !== null) {
      if (playback.storyboard === null) await preview(video.storyboard);
      return offerBetter(video);
    }
    if (isPlayable(video)) {
      await play(video);
    } else if (video.status === "errored") {
      poller.stop();
      player.overlay.showFault(faultFromFile(errorText(video)), () => void look());
    } else {
      player.overlay.showWaiting(video);
      poller.start();
    }
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (playback !== null) return false; // the film runs on without news of it
    player.errorCount += 1;
    const fault = faultFromApi(error);
    player.overlay.showFault(fault, () => void look());
    if (fault.retry === "by itself") poller.start();
    else poller.stop();
    return false;
  }
}

const poller = new Poller(look);

async function play(video: Video): Promise<void> {
  playback = await getPlayback(videoId, userId, part);
  // What was not cut ends with its media, whose sound may be a little longer than the film is said to be.
  player.timeline.use(playback.start_ms, isCut(video) ? playback.end_ms : null);
  showPoster(playback.poster);
  describeToSystem(player, video.title, playback.poster);
  // Positions in a part are none in the video.
  if (part.toString() === "")
    new HistoryReporter(player.video, player.timeline, userId, videoId, playback.session_id);
  const startS = resumeAt(playback);
  const { url, licence } = sourceOf(playback);
  player.start(url, startS, licence);
  if (startS > 0) {
    notify(notices, `Resumed at ${clock(startS)}`, {
      action: { label: "Start over", run: () => player.seekToFraction(0) },
    });
  }
  if (isChanging(video)) poller.start();
  else poller.stop();
  await Promise.all([preview(playback.storyboard), markChapters(video, playback)]);
}

/** Whether less is played, or more, than one film from end to end. */
function isCut(video: Video): boolean {
  return part.toString() !== "" || video.parts.length > 0;
}

/** A film's chapters are told with it; those of what was cut with the playback. */
async function markChapters(video: Video, { chapters, start_ms }: Playback): Promise<void> {
  if (isCut(video) && chapters !== null) player.showChapters(await readChapters(chapters.json, start_ms));
}

/** Small pictures may be made only after the film has begun to play. */
async function preview(links: StoryboardLinks | null): Promise<void> {
  if (links === null || previewed) return;
  previewed = true;
  const previews = await Previews.read(links.json);
  player.usePreviews(previews);
  clips?.usePreviews(previews);
}

/** Renditions go on joining while a film plays. hls.js reads the list of them once, so going on with more is a choice. */
function offerBetter(video: Video): boolean {
  if (!isChanging(video)) poller.stop();
  const best = largestPicture(video);
  if (best === null || player.tallest === 0 || best.height <= Math.max(offered, player.tallest)) return false;
  offered = best.height;
  notify(notices, `${sizeName(best.width, best.height)} is ready now`, {
    topic: "quality",
    action: { label: "Switch", run: () => player.reload() },
  });
  return true;
}

function largestPicture(video: Video): { width: number; height: number } | null {
  const sizes = video.renditions.flatMap(({ width, height }) => (width && height ? [{ width, height }] : []));
  return sizes.reduce<(typeof sizes)[0] | null>((a, b) => (a && a.height >= b.height ? a : b), null);
}

function show(video: Video): void {
  about.hidden = false;
  setText(title, video.title);
  clips?.suggest(video.title, video.duration_ms);
  document.title = `${video.title} · Sluice`;
  const picture = largestPicture(video);
  const facts = [
    video.duration_ms === null ? null : clock(video.duration_ms / 1000),
    picture && sizeName(picture.width, picture.height),
    video.source === null ? null : bytes(video.source.size_bytes),
    `Added ${ago(video.created_at, Date.now())}`,
  ];
  setText(meta, facts.filter((fact) => fact !== null).join(" · "));
  failures.hidden = !isPlayable(video) || video.errors.length === 0;
  setText(failures, failureText(video));
  stage.classList.toggle("sound-only", picture === null && isPlayable(video));
  if (picture) {
    document.documentElement.style.setProperty("--aspect", String(picture.width / picture.height));
  }
  showPoster(video.poster);
  if (!isCut(video)) player.showChapters(video.chapters);
}

function showPoster(url: string | null): void {
  if (url === null || ambient.getAttribute("src") === url) return;
  player.video.poster = url;
  ambient.src = url;
}

required("#copy", HTMLButtonElement).addEventListener("click", async () => {
  const copied = await copyText(location.href);
  notify(notices, copied ? "Link copied" : "Could not copy the link");
});

declare global {
  interface Window {
    /** For tests and for the curious. */
    sluice: { readonly player: Player };
  }
}

window.sluice = { player };
void look();
