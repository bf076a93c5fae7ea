// SPDX-License-Identifier: GPL-3.0-or-later
import { stat } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';

/** What to watch, and what to do after a change. */
export type FileWatch<Content> = {
  /** A text that differs from the one before when a file has changed. Never rejects. */
  states(): Promise<string>;
  /** Reads the files. Must not throw. */
  read(): Content;
  /** Receives what was read, unless a file changed meanwhile. */
  apply(content: Content): void;
  clock: Pick<Clock, 'sleep'>;
  everyMs: number;
};

/**
 * Reads files again when they have changed, until the returned function is called. It polls, because notifications of the
 * system are missing on network volumes and follow no symbolic link that is replaced.
 *
 * A state counts when two polls in a row find it, so a file is not read while an editor writes it or has it removed for a
 * moment. The states are read again after the content: if they differ, the content may be half new, and is dropped. The
 * first state that counts is always read, so no change since the files were read for the start is lost.
 */
export function watchFiles<Content>(options: FileWatch<Content>): () => void {
  const { states, read, apply, clock, everyMs } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let last: string | undefined;
  let applied: string | undefined;
  const poll = async () => {
    const now = await states();
    if (now === last && now !== applied) {
      const content = read();
      if ((await states()) === now && !signal.aborted) {
        applied = now;
        apply(content);
      }
    }
    last = now;
  };
  void (async () => {
    for (;;) {
      await clock.sleep(everyMs, signal);
      if (signal.aborted) return;
      await poll();
    }
  })();
  return () => stopping.abort();
}

/** Returns a function for `states`. It follows symbolic links, so it sees a file that is replaced by way of a link. */
export function fileStates(paths: readonly string[]): () => Promise<string> {
  return async () => (await Promise.all(paths.map(stateOf))).join(' ');
}

async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
}
