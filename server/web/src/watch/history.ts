import { reportHistory } from "../api/client.ts";
import type { HistoryReport, Playback } from "../api/types.ts";
import type { Timeline } from "./timeline.ts";

const EVERY_MS = 10_000;
const NEAR_START_MS = 3000;

/** Tells the server where the viewer is: every ten seconds of playing, at a pause, at the end and on leaving. */
export class HistoryReporter {
  private timer: ReturnType<typeof setInterval> | undefined;
  private reported = -1;
  private left = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly timeline: Timeline,
    private readonly userId: string,
    private readonly videoId: string,
    private readonly sessionId: string,
  ) {
    video.addEventListener("playing", () => this.run());
    video.addEventListener("pause", () => {
      this.rest();
      if (!timeline.ended) this.report("pause");
    });
    timeline.onEnd(() => {
      this.rest();
      this.report("ended");
    });
    // The page may be frozen or thrown away once it is hidden, so what is said then has to be enough.
    window.addEventListener("pagehide", () => this.leave(true));
    document.addEventListener("visibilitychange", () => this.leave(document.hidden));
  }

  private run(): void {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.report(), EVERY_MS);
  }

  private rest(): void {
    clearInterval(this.timer);
  }

  /** A page that goes is hidden and then unloaded, or the other way round: one of them speaks. */
  private leave(leaving: boolean): void {
    if (leaving && !this.left) this.report("leave");
    this.left = leaving;
  }

  private report(event?: NonNullable<HistoryReport["event"]>): void {
    const positionMs = Math.round(this.timeline.position * 1000);
    if (this.video.readyState === 0 || positionMs === this.reported) return;
    this.reported = positionMs;
    reportHistory(this.userId, {
      video_id: this.videoId,
      position_ms: positionMs,
      duration_ms: Math.round(this.timeline.duration * 1000) || null,
      session_id: this.sessionId,
      client_ts: new Date().toISOString(),
      ...(event ? { event } : {}),
    });
  }
}

/** Where to go on from, in seconds; the first moments are not worth skipping. The server knows who has seen it all. */
export function resumeAt(playback: Playback): number {
  return playback.resume_ms < NEAR_START_MS ? 0 : playback.resume_ms / 1000;
}
