import { sentence } from "../format.ts";
import type { ProblemDocument } from "./types.ts";

/** An answer other than the one hoped for, or no answer at all (`status` 0). The message is for a person. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    readonly requestId: string | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** The server could not be reached or is itself in trouble; the same request may work later. */
  get isOutage(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

export function noAnswer(timedOut: boolean): ApiError {
  return new ApiError(
    0,
    timedOut ? "The server did not answer in time." : "The server cannot be reached.",
    timedOut ? "client.timeout" : "client.unreachable",
  );
}

/** Reads the error out of an answer, which is a problem document unless something between us and Sluice spoke. */
export function problemFrom(status: number, contentType: string | null, body: string): ApiError {
  if (contentType?.includes("json")) {
    try {
      const problem = JSON.parse(body) as ProblemDocument;
      const message = problem.detail ?? problem.title ?? `The server answered ${status}.`;
      return new ApiError(status, sentence(message), problem.code ?? null, problem.request_id ?? null);
    } catch {
      // Not JSON after all; the status alone has to do.
    }
  }
  return new ApiError(status, plainReason(status));
}

function plainReason(status: number): string {
  if (status === 404) return "It is no longer there.";
  if (status === 413) return "The file is larger than this server accepts.";
  if (status === 502 || status === 503 || status === 504)
    return "The server is not ready. Try again in a moment.";
  return `The server answered ${status}.`;
}
