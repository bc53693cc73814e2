import type { Chapter } from "../api/types.ts";
import { h } from "../dom/element.ts";

const DEADLINE_MS = 15_000;

/** Reads chapters whose times count from `originMs` on; none where they cannot be had, for a film plays as well without. */
export async function readChapters(url: string, originMs: number): Promise<readonly Chapter[]> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
    if (!response.ok) return [];
    const { chapters } = (await response.json()) as { readonly chapters: readonly Chapter[] };
    return chapters.map((each) => ({
      title: each.title,
      start_ms: Math.max(0, each.start_ms - originMs),
      end_ms: each.end_ms === null ? null : each.end_ms - originMs,
    }));
  } catch {
    return [];
  }
}

/** The marks on the seek bar where chapters begin, and their names. */
export class Chapters {
  readonly element = h("span", { class: "chapters", "aria-hidden": "true" });
  private list: readonly Chapter[] = [];

  /** Draws the chapters of a film; those of a film that has none are none. */
  show(chapters: readonly Chapter[], durationS: number): void {
    this.list = chapters;
    const starts = chapters.map(({ start_ms }) => start_ms / 1000 / durationS);
    const marks = starts.filter((at) => at > 0 && at < 1);
    this.element.replaceChildren(
      ...marks.map((at) => {
        const mark = h("span", {});
        mark.style.left = `${at * 100}%`;
        return mark;
      }),
    );
  }

  /** The chapter at a time, in seconds. */
  at(seconds: number): Chapter | undefined {
    return this.list.findLast(({ start_ms }) => start_ms / 1000 <= seconds);
  }

  /** Where the next chapter begins, or the one before, in seconds. */
  step(seconds: number, by: -1 | 1): number | undefined {
    const starts = this.list.map(({ start_ms }) => start_ms / 1000);
    // Shortly after a beginning, back means the chapter before.
    if (by < 0) return starts.findLast((start) => start < seconds - 2) ?? starts[0];
    return starts.find((start) => start > seconds);
  }
}
