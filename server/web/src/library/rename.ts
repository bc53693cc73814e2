import { getVideo, renameVideo } from "../api/client.ts";
import { ApiError } from "../api/problem.ts";
import type { Video } from "../api/types.ts";
import { h } from "../dom/element.ts";
import type { VideoCard } from "./card.ts";

const LONGEST_TITLE = 500;
const ATTEMPTS = 4;

/** Someone else gave the video another title while this one was being typed. */
class TitleTaken extends Error {
  constructor(readonly video: Video) {
    super(`It was renamed to “${video.title}” meanwhile. Press Enter again to use your title instead.`);
  }
}

/**
 * Turns the title into a text field: Enter or leaving it saves, Escape gives up. Nothing is overwritten unseen: if
 * the title has changed meanwhile the person is told, and the next Enter means it.
 */
export function editTitle(card: VideoCard, failed: (message: string) => void): void {
  const heading = card.titleLink.parentElement;
  if (heading === null || heading.querySelector("input") !== null) return;
  let before = card.video.title;
  const field = h("input", {
    class: "rename",
    "aria-label": "Title",
    maxlength: LONGEST_TITLE,
    value: before,
  });
  let settled = false;
  const finish = (refocus: boolean): void => {
    settled = true;
    field.remove();
    card.titleLink.hidden = false;
    if (refocus) card.titleLink.focus();
  };
  const save = async (refocus: boolean): Promise<void> => {
    const title = field.value.trim();
    if (settled || field.readOnly) return;
    if (title === "" || title === before) return finish(refocus);
    field.readOnly = true;
    try {
      card.update(await saveTitle(card.video.id, before, title));
      finish(refocus);
    } catch (error) {
      field.readOnly = false;
      if (error instanceof TitleTaken) {
        before = error.video.title;
        card.update(error.video);
      } else if (!(error instanceof ApiError)) {
        throw error;
      }
      failed(error.message);
      field.focus();
    }
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") void save(true);
    if (event.key === "Escape") finish(true);
  });
  field.addEventListener("blur", () => void save(false));
  card.titleLink.hidden = true;
  heading.append(field);
  field.focus();
  field.select();
}

/** The version also counts the server's own progress, so a 412 matters only when it is the title that differs. */
async function saveTitle(id: string, before: string, title: string): Promise<Video> {
  for (let attempt = 1; ; attempt += 1) {
    const { video, etag } = await getVideo(id);
    if (video.title !== before) throw new TitleTaken(video);
    try {
      return await renameVideo(id, title, etag);
    } catch (error) {
      const stale = error instanceof ApiError && error.status === 412;
      if (!stale || attempt === ATTEMPTS) throw error;
    }
  }
}
