// SPDX-License-Identifier: GPL-3.0-or-later
import { signalIfExists } from './server-processes.ts';

/** Backends of a server that are suspended with all that they hold, until they are woken. */
export class SuspendedBackends {
  private readonly pids = new Set<number>();

  /** The backend may have ended. */
  freeze(pid: number): void {
    signalIfExists(pid, 'SIGSTOP');
    this.pids.add(pid);
  }

  /** The backend may have ended, if it was about to when it was frozen. */
  wake(pid: number): void {
    this.pids.delete(pid);
    signalIfExists(pid, 'SIGCONT');
  }

  wakeAll(): void {
    for (const pid of this.pids) this.wake(pid);
  }
}
