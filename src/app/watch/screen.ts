// SPDX-License-Identifier: GPL-3.0-or-later

/** The terminal that a screen writes to. */
export type ScreenStream = {
  write(text: string): unknown;
  columns: number;
  rows: number;
};

// The other screen buffer: what is above stays, and a resize leaves no rest of an earlier frame. No line is wrapped.
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l';
// Terminals that know it show a frame at once.
const [beginUpdate, endUpdate] = ['\u001b[?2026h', '\u001b[?2026l'];
const home = '\u001b[H';
const clearLine = '\u001b[2K';
const clearBelow = '\u001b[J';

/** Shows frames in place, without clearing the screen between them, and restores the terminal. */
export class Screen {
  private readonly stream: ScreenStream;
  private isOpen = false;
  private lines: readonly string[] = [];

  constructor(stream: ScreenStream) {
    this.stream = stream;
  }

  /** Paints a frame over the last one. */
  paint(lines: readonly string[]): void {
    const opening = this.isOpen ? '' : enter;
    this.isOpen = true;
    this.lines = lines;
    const text = lines.map((line) => clearLine + line).join('\r\n');
    // Behind a line as wide as the terminal it would clear the last character.
    const below = lines.length < this.stream.rows ? `\r\n${clearBelow}` : '';
    this.stream.write(`${opening}${beginUpdate}${home}${text}${below}${endUpdate}`);
  }

  /** Restores the terminal. Calls after the first do nothing until a frame is painted again. */
  restore(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.stream.write(leave);
  }

  /** Restores the terminal, and leaves the last frame on it. */
  close(): void {
    if (!this.isOpen) return;
    this.restore();
    this.stream.write(this.lines.map((line) => `${line}\n`).join(''));
  }
}
