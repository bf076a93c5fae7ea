// SPDX-License-Identifier: GPL-3.0-or-later
import {
  type FromPrimary,
  type FromWorker,
  isMessage,
  type KeysMessage,
  type MetricsText,
} from './messages.ts';

/** A worker's side of the channel to its primary. */
export type PrimaryChannel = {
  /** Says that this worker serves. */
  sayReady(url: string): void;
  /** The metrics of all workers; undefined when the primary does not answer. */
  metricsOfAll(): Promise<MetricsText | undefined>;
  /** From now on the primary is told what this worker has counted, whenever it asks. */
  setSnapshotSource(snapshot: () => Promise<unknown>): void;
  /** From now on this is called with the API keys whenever they may have changed. */
  onKeys(replace: (keys: KeysMessage) => void): void;
  /** Lets this process end. */
  close(): void;
};

const answerMsMax = 2000;

/** Opens the channel; undefined in a process that no primary started. */
export function openPrimaryChannel(): PrimaryChannel | undefined {
  if (process.send === undefined) return undefined;
  const waiting = new Map<number, (metrics: MetricsText | null) => void>();
  let lastId = 0;
  let snapshotNow: () => Promise<unknown> = async () => [];
  let replaceKeys: (keys: KeysMessage) => void = () => undefined;
  const tell = (message: FromWorker) => void (process.connected && process.send?.(message));

  process.on('message', (message: unknown) => {
    if (isMessage<FromPrimary, 'firstcome:metrics'>(message, 'firstcome:metrics')) {
      waiting.get(message.id)?.(message.metrics);
    } else if (isMessage<FromPrimary, 'firstcome:keys'>(message, 'firstcome:keys')) {
      replaceKeys(message.keys);
    } else if (
      isMessage<FromPrimary, 'firstcome:snapshot-wanted'>(message, 'firstcome:snapshot-wanted')
    ) {
      const { id } = message;
      // The primary misses an answer that does not come, and says so.
      snapshotNow().then(
        (snapshot) => tell({ type: 'firstcome:snapshot', id, snapshot }),
        () => undefined,
      );
    }
  });

  return {
    sayReady: (url) => tell({ type: 'firstcome:ready', url }),
    close: () => void (process.connected && process.disconnect()),
    setSnapshotSource(snapshot) {
      snapshotNow = snapshot;
    },
    onKeys(replace) {
      replaceKeys = replace;
    },
    metricsOfAll() {
      lastId += 1;
      const id = lastId;
      return new Promise((resolve) => {
        const done = (metrics: MetricsText | null) => {
          waiting.delete(id);
          clearTimeout(timer);
          resolve(metrics ?? undefined);
        };
        const timer = setTimeout(() => done(null), answerMsMax);
        waiting.set(id, done);
        tell({ type: 'firstcome:metrics-wanted', id });
      });
    },
  };
}
