import { h, setText } from "../dom/element.ts";

/** Asks before a video is deleted for good. */
export class ConfirmDelete {
  private readonly dialog = h("dialog", { class: "dialog", "aria-labelledby": "confirm-title" });
  private readonly heading = h("h2", { id: "confirm-title" });
  private answer: (yes: boolean) => void = () => undefined;

  constructor() {
    const keep = h("button", { type: "submit", value: "keep", class: "button", autofocus: true }, "Keep it");
    const remove = h(
      "button",
      { type: "submit", value: "delete", class: "button danger" },
      "Delete for good",
    );
    const explanation = h(
      "p",
      {},
      "The upload and everything made from it are removed, and anyone watching is cut off. This cannot be undone.",
    );
    const form = h("form", { method: "dialog" }, this.heading, explanation);
    form.append(h("div", { class: "choices" }, keep, remove));
    this.dialog.append(form);
    this.dialog.addEventListener("close", () => this.answer(this.dialog.returnValue === "delete"));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close("keep");
    });
    document.body.append(this.dialog);
  }

  ask(title: string): Promise<boolean> {
    setText(this.heading, `Delete “${title}”?`);
    this.dialog.returnValue = "keep";
    this.dialog.showModal();
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }
}
