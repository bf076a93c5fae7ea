// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Calls `end` after a time without a restart. The timeout of the socket itself does not do: in a process that was paused
 * it passes before the bytes are read that have arrived meanwhile.
 */
export class IdleTimer {
  private readonly end: () => void;
  private timer: NodeJS.Timeout | undefined;
  private restarts = 0;

  constructor(end: () => void) {
    this.end = end;
  }

  start(idleMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { restarts } = this;
      setImmediate(() => {
        if (this.restarts === restarts) this.end();
      });
    }, idleMs);
  }

  restart(): void {
    this.restarts += 1;
    this.timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
