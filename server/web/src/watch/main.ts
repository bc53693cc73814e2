/** The watch page: finds the video, waits until it can be played, plays it. */

import "../styles/watch.css";
import { getPlayback, getVideo } from "../api/client.ts";
import { Poller } from "../api/poller.ts";
import { ApiError } from "../api/problem.ts";
import { isChanging, isPlayable, type Playback, type StoryboardLinks, type Video } from "../api/types.ts";
import { copyText } from "../dom/clipboard.ts";
import { required, setText } from "../dom/element.ts";
import { notify } from "../dom/notice.ts";
import { ago, bytes, clock, sizeName } from "../format.ts";
import { errorText } from "../stage.ts";
import { viewerId } from "../viewer.ts";
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
const notices = required("#notices", HTMLElement);
const ambient = required("#ambient", HTMLImageElement);

const player = new Player(stage);
let playback: Playback | null = null;
let offered = 0;
let previewed = false;

/** The stretch that the address asks for: a link may show a part of a video. */
function stretch(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([name]) => name === "start_ms" || name === "end_ms"));
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
  const isCut = part.toString() !== "" || video.parts.length > 0;
  player.timeline.use(playback.start_ms, isCut ? playback.end_ms : null);
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
  await preview(playback.storyboard);
}

/** Small pictures may be made only after the film has begun to play. */
async function preview(links: StoryboardLinks | null): Promise<void> {
  if (links === null || previewed) return;
  previewed = true;
  player.usePreviews(await Previews.read(links.json));
}

/** Renditions go on joining while a film plays. hls.js reads the list of them once, so going on with more is a choice. */
function offerBetter(video: Video): boolean {
  if (video.status === "ready") poller.stop();
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
  document.title = `${video.title} · Sluice`;
  const picture = largestPicture(video);
  const facts = [
    video.duration_ms === null ? null : clock(video.duration_ms / 1000),
    picture && sizeName(picture.width, picture.height),
    video.source === null ? null : bytes(video.source.size_bytes),
    `Added ${ago(video.created_at, Date.now())}`,
  ];
  setText(meta, facts.filter((fact) => fact !== null).join(" · "));
  stage.classList.toggle("sound-only", picture === null && isPlayable(video));
  if (picture) {
    document.documentElement.style.setProperty("--aspect", String(picture.width / picture.height));
  }
  showPoster(video.poster);
  player.showChapters(video.chapters);
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
