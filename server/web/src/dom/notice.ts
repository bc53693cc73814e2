import { h } from "./element.ts";
import { icon } from "./icon.ts";

const LIFETIME_MS = 6000;

export interface Action {
  readonly label: string;
  run(): void;
}

export interface NoticeOptions {
  readonly error?: boolean;
  readonly action?: Action;
  /** Stays until it is dismissed, and takes the place of an earlier one of the same topic. */
  readonly topic?: string;
}

/** Shows a short message at the foot of the page. It leaves by itself unless it is an error or has a topic. */
export function notify(host: HTMLElement, message: string, options: NoticeOptions = {}): void {
  const close = h("button", { type: "button", class: "icon-button", "aria-label": "Dismiss" }, icon("close"));
  const notice = h(
    "div",
    { class: options.error ? "notice error" : "notice", role: options.error ? "alert" : "status" },
    h("span", {}, message),
  );
  const dismiss = (): void => notice.remove();
  const { action } = options;
  if (action) {
    const button = h("button", { type: "button", class: "link" }, action.label);
    button.addEventListener("click", () => {
      dismiss();
      action.run();
    });
    notice.append(button);
  }
  notice.append(close);
  close.addEventListener("click", dismiss);
  if (options.topic) {
    host.querySelector(`[data-topic="${options.topic}"]`)?.remove();
    notice.dataset.topic = options.topic;
  }
  host.append(notice);
  while (host.childElementCount > 3) host.firstElementChild?.remove();
  if (!options.error && !options.topic) setTimeout(dismiss, LIFETIME_MS);
}
