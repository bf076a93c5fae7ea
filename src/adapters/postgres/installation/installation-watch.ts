// SPDX-License-Identifier: GPL-3.0-or-later

const stopText =
  'the database is not the one of the start: nothing is decided or read until it is back, or a restart accepts this one';

/** A session works on other tables than those that the process was started on. */
export class OtherInstallationError extends Error {
  override readonly name = 'OtherInstallationError';

  constructor() {
    super('the database is not the one that was there at the start: it was replaced or restored');
  }
}

/**
 * Remembers the identity of the installation that the process was started on, and compares it with what sessions show.
 * Once one shows another, all count as being elsewhere, until a new connection shows the right identity again. One that
 * was opened before may lead where the address of the database led then.
 */
export class InstallationWatch {
  /** Whether the database is not the one of the start. */
  isOther = false;
  private readonly identity: string;
  private readonly warn: (event: Record<string, unknown>, message: string) => void;
  private readonly listeners: (() => void)[] = [];

  constructor(options: {
    /** As `installation_identity()` returns it. */
    identity: string;
    warn(event: Record<string, unknown>, message: string): void;
  }) {
    this.identity = options.identity;
    this.warn = options.warn;
  }

  /** Calls the listener within the turn in which `isOther` changes. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Takes note of what a new connection shows; undefined where it finds no installation. */
  judgeNew(found: string | undefined): OtherInstallationError | undefined {
    if (found !== this.identity) return this.stop(found);
    if (this.isOther) {
      this.warn({ found }, 'the database is the one of the start again: the service goes on');
      this.change(false);
    }
    return undefined;
  }

  /** Takes note of what a connection shows that was used before. */
  judgeUsed(found: string | undefined): OtherInstallationError | undefined {
    return found === this.identity && !this.isOther ? undefined : this.stop(found);
  }

  private stop(found: string | undefined): OtherInstallationError {
    if (!this.isOther) {
      this.warn({ expected: this.identity, found: found ?? 'none' }, stopText);
      this.change(true);
    }
    return new OtherInstallationError();
  }

  private change(isOther: boolean): void {
    this.isOther = isOther;
    for (const listener of this.listeners) listener();
  }
}
