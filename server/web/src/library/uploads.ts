import type { Video } from "../api/types.ts";
import { type UploadProgress, upload } from "../api/upload.ts";
import { h, setText } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";
import { bytes, percent, plural, remaining } from "../format.ts";

const DONE_LINGERS_MS = 4000;

type State = "queued" | "sending" | "storing" | "done" | "failed";

export interface UploadEvents {
  uploaded(video: Video): void;
  announce(message: string): void;
}

/** One file on its way, and its row in the panel. */
class Transfer {
  state: State = "queued";
  fraction = 0;
  abort: (() => void) | null = null;
  readonly row: HTMLLIElement;
  readonly bar = h("progress", { max: 1, value: 0 });
  readonly detail = h("span", { class: "detail" });
  readonly again = h("button", { type: "button", class: "link", hidden: true }, "Try again");
  readonly cancel = h("button", { type: "button", class: "icon-button" }, icon("close"));

  constructor(readonly file: File) {
    this.bar.setAttribute("aria-label", `Upload of ${file.name}`);
    const name = h("span", { class: "name", title: file.name }, file.name);
    this.row = h("li", { class: "transfer" }, name, this.cancel, this.bar, this.detail, this.again);
    this.show("queued", `Waiting · ${bytes(file.size)}`);
  }

  show(state: State, detail: string): void {
    this.state = state;
    this.row.dataset.state = state;
    this.again.hidden = state !== "failed";
    const verb = state === "done" || state === "failed" ? "Dismiss" : "Cancel the upload of";
    this.cancel.setAttribute("aria-label", `${verb} ${this.file.name}`);
    setText(this.detail, detail);
    if (state === "storing") this.bar.removeAttribute("value");
    else this.bar.value = state === "done" ? 1 : this.fraction;
  }

  advance(progress: UploadProgress): void {
    this.fraction = progress.totalBytes > 0 ? progress.sentBytes / progress.totalBytes : 0;
    const parts = [`${bytes(progress.sentBytes)} of ${bytes(progress.totalBytes)}`];
    if (progress.bytesPerS > 0) parts.push(`${bytes(progress.bytesPerS)}/s`);
    if (progress.remainingS !== null) parts.push(remaining(progress.remainingS));
    this.show("sending", parts.join(" · "));
  }
}

/** The queue of files and the panel that shows it. One file is sent at a time, so that the first can play soonest. */
export class Uploads {
  private readonly transfers: Transfer[] = [];
  private readonly list = h("ul", {});
  private readonly heading = h("h2", {});

  constructor(
    private readonly panel: HTMLElement,
    private readonly events: UploadEvents,
  ) {
    panel.append(this.heading, this.list);
    window.addEventListener("beforeunload", (event) => {
      if (this.pending > 0) event.preventDefault();
    });
  }

  private get pending(): number {
    return this.transfers.filter(({ state }) => state !== "done" && state !== "failed").length;
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const transfer = new Transfer(file);
      transfer.cancel.addEventListener("click", () => this.remove(transfer));
      transfer.again.addEventListener("click", () => {
        transfer.show("queued", `Waiting · ${bytes(file.size)}`);
        this.next();
      });
      this.transfers.push(transfer);
      this.list.append(transfer.row);
    }
    this.next();
  }

  private next(): void {
    const busy = this.transfers.some(({ state }) => state === "sending" || state === "storing");
    const transfer = this.transfers.find(({ state }) => state === "queued");
    if (!busy && transfer) this.send(transfer);
    this.summarise();
  }

  private send(transfer: Transfer): void {
    const { file } = transfer;
    let spoken = 0;
    transfer.fraction = 0;
    transfer.show("sending", `Starting · ${bytes(file.size)}`);
    this.events.announce(`Uploading ${file.name}`);
    transfer.abort = upload(file, {
      progress: (progress) => {
        transfer.advance(progress);
        const quarter = Math.floor(transfer.fraction * 4);
        if (quarter > spoken && quarter < 4) this.events.announce(`${file.name}: ${quarter * 25} % uploaded`);
        spoken = quarter;
        this.summarise();
      },
      sent: () => {
        transfer.fraction = 1;
        transfer.show("storing", "Sent. The server is putting it away");
      },
      done: (video) => {
        transfer.show("done", "Uploaded");
        this.events.announce(`${file.name} is uploaded`);
        this.events.uploaded(video);
        setTimeout(() => this.remove(transfer), DONE_LINGERS_MS);
        this.next();
      },
      failed: (error) => {
        transfer.show("failed", error.message);
        this.events.announce(`${file.name} could not be uploaded. ${error.message}`);
        this.next();
      },
    });
  }

  private remove(transfer: Transfer): void {
    const at = this.transfers.indexOf(transfer);
    if (at < 0) return;
    const inFlight = transfer.state === "sending" || transfer.state === "storing";
    this.transfers.splice(at, 1);
    transfer.row.remove();
    if (inFlight) {
      transfer.abort?.();
      this.events.announce(`The upload of ${transfer.file.name} was cancelled`);
    }
    this.next();
  }

  private summarise(): void {
    const { pending } = this;
    this.panel.hidden = this.transfers.length === 0;
    setText(this.heading, pending > 0 ? `Uploading ${plural(pending, "file")}` : "Uploads");
    const active = this.transfers.find(({ state }) => state === "sending");
    document.title = active ? `${percent(active.fraction)} uploaded · Sluice` : "Library · Sluice";
  }
}

/** Takes files dropped anywhere on the page. The curtain shows while something droppable hovers. */
export function acceptDrops(curtain: HTMLElement, take: (files: FileList) => void): void {
  let depth = 0;
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  window.addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth += 1;
    curtain.hidden = false;
  });
  window.addEventListener("dragover", (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  window.addEventListener("dragleave", (event) => {
    if (!holdsFiles(event)) return;
    depth = Math.max(0, depth - 1);
    curtain.hidden = depth === 0;
  });
  window.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    curtain.hidden = true;
    if (event.dataTransfer) take(event.dataTransfer.files);
  });
}
