// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Composes the jobs of one process: work that all processes on a database share. The package is loaded, and connections are
 * opened, once there is work to share.
 */
import { endsWithin } from '../adapters/postgres/connections/ends-within.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { createFailureReport, type Repeated, repeat } from '../core/duties/repeat.ts';
import { type JobKind, type JobOptions, type OpenJobs, openJobs, stopMsMax } from './open-jobs.ts';

/** The jobs of one process, not started yet. */
export type ProcessJobs = {
  /** Repeated by the holder of a duty: some process then works on what is due, also on what one that is gone has left. */
  ensured: Omit<Repeated, 'signal'>;
  /** False once a package was missing: this process can have no work done, and leaves the duty to others. */
  canEnsure(): boolean;
  start(): void;
  stop(): Promise<void>;
};

const ensureMs = 500;
const watchMs = 1_000;
// Jobs that have ended, or could not be started, are started again after this time.
const restMs = 1_000;

/** Creates the jobs. */
export function createJobs(options: JobOptions): ProcessJobs {
  const { kinds, metrics, log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let jobs: Promise<OpenJobs> | undefined;
  let isLacking = false;
  let waitMs = 0;
  const openOnce = () => {
    if (jobs !== undefined) return jobs;
    // The next look opens them again.
    const forget = () => {
      if (jobs === opening) jobs = undefined;
    };
    const onEnded = () => {
      if (jobs !== opening) return;
      forget();
      metrics.jobsRestarted();
      log.warn({}, 'the jobs have ended; they are started again');
      opening.then((opened) => opened.close()).catch(() => undefined);
    };
    const onLacking = () => {
      isLacking = true;
    };
    const opening = systemClock
      .sleep(waitMs, signal)
      .then(() => openJobs(options, { onEnded, onLacking }));
    waitMs = restMs;
    jobs = opening;
    opening.catch(forget);
    return opening;
  };
  const report = createFailureReport({
    ...{ clock: systemClock, warn: log.warn },
    message: 'events and sagas cannot go on; it is tried again',
  });
  let ended = Promise.resolve();
  return {
    ensured: {
      ...{ clock: systemClock, everyMs: ensureMs, report },
      async look() {
        const wanted = wantedOf(kinds);
        if (wanted.length === 0 || signal.aborted) return;
        const opened = await openOnce();
        await opened.takeOver();
        // One kind that cannot be ensured holds up no other.
        for (const { name, findDue } of wanted) {
          await findDue()
            .then((due) => opened.runner.ensure(name, due))
            .catch(report);
        }
      },
    },
    canEnsure: () => !isLacking,
    start() {
      ended = repeat({
        ...{ clock: systemClock, everyMs: watchMs, signal, report },
        async look() {
          if (jobs === undefined && wantedOf(kinds).length === 0) return;
          const opened = await openOnce();
          await opened.report();
        },
      });
    },
    async stop() {
      stopping.abort();
      await endsWithin(ended, stopMsMax);
      const closed = jobs?.then((opened) => opened.close()).catch(() => undefined);
      // The close has limits of its own; what is still being opened has those of its connections.
      if (closed) await endsWithin(closed, 3 * stopMsMax);
    },
  };
}

/** The kinds of work that there may be. */
function wantedOf(kinds: readonly JobKind[]): JobKind[] {
  return kinds.filter(({ isWanted }) => isWanted());
}
