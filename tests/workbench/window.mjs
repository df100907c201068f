// What a user does in a window of VS Code, in a user's words.
import fs from "node:fs";
import path from "node:path";

import { openBrowser, RESULTS, until } from "./editor.mjs";

export class Window {
  constructor(page, close) {
    this.page = page;
    this.close = close;
  }

  static async open(url, size) {
    const { page, close } = await openBrowser(size);
    await page.goto(url, { waitUntil: "domcontentloaded" });
    const window = new Window(page, close);
    await page.locator(".monaco-workbench .explorer-folders-view .monaco-list-row").first().waitFor({ timeout: 60_000 });
    return window;
  }

  async picture(name) {
    fs.mkdirSync(RESULTS, { recursive: true });
    await this.page.screenshot({ path: path.join(RESULTS, `${name}.png`) });
  }

  /** Fills an input that is about to be shown. */
  async input(text) {
    const box = this.page.locator(".quick-input-widget:visible input").first();
    await box.waitFor();
    await box.fill(text);
    return box;
  }

  /** Opens a quick input with a key and fills it. A key is lost while an extension host restarts: press again. */
  async ask(key, text) {
    const box = this.page.locator(".quick-input-widget:visible input").first();
    for (let left = 10; ; left -= 1) {
      await this.page.keyboard.press(key);
      try {
        await box.waitFor({ timeout: 3_000 });
        break;
      } catch (error) {
        if (left === 0) throw error;
      }
    }
    await box.fill(text);
    return box;
  }

  async openFile(name) {
    const { page } = this;
    await this.ask("Control+P", name);
    await page.locator(".quick-input-list .monaco-list-row", { hasText: name }).first().waitFor();
    await page.keyboard.press("Enter");
    await page.locator(".tab.active", { hasText: name }).waitFor();
  }

  async command(title) {
    const { page } = this;
    await this.ask("F1", `>${title}`);
    await page.locator(".quick-input-list .monaco-list-row.focused", { hasText: title }).waitFor();
    await page.keyboard.press("Enter");
  }

  async goTo(line, column) {
    const { page } = this;
    await this.ask("Control+G", `:${line}:${column}`);
    await page.keyboard.press("Enter");
    await page.locator(".statusbar-item", { hasText: `Ln ${line}, Col ${column}` }).waitFor();
  }

  /** A squiggle of one severity in the active editor: "error", "warning", "info", "hint". */
  squiggle(severity) {
    return this.page.locator(`.editor-group-container.active .squiggly-${severity}`).first();
  }

  lens(title) {
    return this.page.locator(".codelens-decoration a", { hasText: title });
  }

  /**
   * Clicks the first lens of a kind until its run begins: while lenses are scrolled into view or
   * replaced, VS Code shows for a moment some whose command is gone.
   */
  async clickLens(title) {
    const lens = this.lens(title).first();
    await lens.waitFor({ state: "attached", timeout: 60_000 });
    const begun = this.page.locator(".notification-toast", { hasText: new RegExp(`${title} (of )?\\w+`) }).first();
    await until(`the lens ${title}`, async () => {
      await lens.click();
      return await begun.waitFor({ timeout: 3000 }).then(() => true, () => false);
    });
  }

  toast(text) {
    return this.page.locator(".notification-toast", { hasText: text });
  }

  /** Opens the light bulb's menu; something that arrives late may close it, so it is tried again. */
  async quickFixes(line, column, title) {
    const { page } = this;
    await this.lens("Benchmark").first().waitFor({ state: "attached", timeout: 60_000 });
    const entry = page.locator(".action-widget .monaco-list-row", { hasText: title }).first();
    await until(`the quick fix "${title}"`, async () => {
      await page.keyboard.press("Escape");
      await this.goTo(line, column);
      await page.keyboard.press("Control+.");
      return await entry.waitFor({ timeout: 4000 }).then(() => true, () => false);
    });
    return entry;
  }

  /** The inside of the results panel. */
  get report() {
    return this.page.frameLocator("iframe.webview.ready").frameLocator("iframe#active-frame").locator("main");
  }

  /** The editor on the left, wherever the keyboard was. */
  async focusEditor() {
    await this.page.keyboard.press("Control+1");
    await this.page.locator(".editor-group-container").first().locator(".monaco-editor.focused").waitFor();
  }

  /** What the item beside the language's name says. */
  async status() {
    const { page } = this;
    const item = page.locator("#status\\.languageStatus");
    await item.hover();
    const hover = page.locator(".hover-language-status");
    await hover.first().waitFor({ timeout: 5000 });
    const texts = await hover.allInnerTexts();
    return texts.join("\n");
  }
}
