// SPDX-License-Identifier: GPL-3.0-or-later
import { installationIdIn } from '../../../core/installation-id.ts';
import { UnusableDatabaseError } from '../errors/unusable-database-error.ts';

const pausedText =
  'the database is not the one of the start: calls are refused until it is back, or a restart accepts this one';

/** A session works on tables of another installation than the one that the process was started on. */
export class DifferentInstallationError extends UnusableDatabaseError {
  override readonly name = 'DifferentInstallationError';

  constructor() {
    super('the database is not the one that was there at the start: it was replaced or restored');
  }
}

/**
 * Knows the identity of the installation at the start of the process, and compares it with that of each session. After
 * one session with another identity, all are refused until a new connection has the right one again. A connection that
 * was opened before is no proof: it may lead to where the address of the database led then.
 */
export class InstallationWatch {
  /** Whether the database is not the one of the start. */
  isDifferent = false;
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

  /** Calls the listener in the same turn of the event loop in which `isDifferent` changes. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Checks the identity that a new connection shows; undefined where it finds no installation. */
  checkNewConnection(found: string | undefined): DifferentInstallationError | undefined {
    if (found !== this.identity) return this.refuse(found);
    if (this.isDifferent) {
      this.warn({ found }, 'the database is the one of the start again: the service continues');
      this.setDifferent(false);
    }
    return undefined;
  }

  /** Whether this identity is that of a copy of the installation: restored from a backup, or a copy of the database. */
  isCopy(found: string | undefined): boolean {
    if (found === undefined || found === this.identity) return false;
    return installationIdIn(found) === installationIdIn(this.identity);
  }

  /** Checks the identity that a connection in use shows. */
  checkUsedConnection(found: string | undefined): DifferentInstallationError | undefined {
    return found === this.identity && !this.isDifferent ? undefined : this.refuse(found);
  }

  private refuse(found: string | undefined): DifferentInstallationError {
    if (!this.isDifferent) {
      this.warn({ expected: this.identity, found: found ?? 'none' }, pausedText);
      this.setDifferent(true);
    }
    return new DifferentInstallationError();
  }

  private setDifferent(isDifferent: boolean): void {
    this.isDifferent = isDifferent;
    for (const listener of this.listeners) listener();
  }
}
