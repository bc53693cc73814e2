import { type ApiError, noAnswer, problemFrom } from "./problem.ts";
import type { Video } from "./types.ts";

/** How far an upload is. `remainingS` is null until the speed is known. */
export interface UploadProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
  readonly bytesPerS: number;
  readonly remainingS: number | null;
}

export interface UploadHandlers {
  progress(progress: UploadProgress): void;
  /** Every byte is sent; the server is putting the file away. */
  sent(): void;
  done(video: Video): void;
  failed(error: ApiError): void;
}

/** Smooths the speed over the last few seconds, so that the remaining time does not jump about. */
class Speedometer {
  private lastMs = performance.now();
  private lastBytes = 0;
  private bytesPerS = 0;

  measure(sentBytes: number): number {
    const nowMs = performance.now();
    const passedS = (nowMs - this.lastMs) / 1000;
    if (passedS < 0.2) return this.bytesPerS;
    const recent = (sentBytes - this.lastBytes) / passedS;
    const weight = this.bytesPerS === 0 ? 1 : 1 - Math.exp(-passedS / 3);
    this.bytesPerS += (recent - this.bytesPerS) * weight;
    this.lastMs = nowMs;
    this.lastBytes = sentBytes;
    return this.bytesPerS;
  }
}

/** Sends one file as multipart form data and returns the way to stop it. `fetch` cannot tell how far a body is. */
export function upload(file: File, handlers: UploadHandlers): () => void {
  const request = new XMLHttpRequest();
  const speed = new Speedometer();
  request.upload.addEventListener("progress", (event) => {
    const bytesPerS = speed.measure(event.loaded);
    const left = Math.max(0, event.total - event.loaded);
    handlers.progress({
      sentBytes: Math.min(event.loaded, file.size),
      totalBytes: file.size,
      bytesPerS,
      remainingS: bytesPerS > 0 ? left / bytesPerS : null,
    });
  });
  request.upload.addEventListener("load", () => handlers.sent());
  request.addEventListener("error", () => handlers.failed(noAnswer(false)));
  request.addEventListener("load", () => {
    if (request.status === 201) {
      handlers.done(JSON.parse(request.responseText) as Video);
    } else {
      const type = request.getResponseHeader("Content-Type");
      handlers.failed(problemFrom(request.status, type, request.responseText));
    }
  });
  const form = new FormData();
  form.append("file", file, file.name);
  request.open("POST", "/videos");
  request.setRequestHeader("Accept", "application/json");
  request.send(form);
  return () => request.abort();
}
