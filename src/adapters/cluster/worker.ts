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
  /** Reports that this worker serves. */
  reportReady(url: string): void;
  /** The metrics of all workers; undefined when the primary does not answer in time. */
  metricsOfAll(): Promise<MetricsText | undefined>;
  /** Sets the function that returns the metrics of this worker; the primary requests them for each scrape. */
  setSnapshotSource(snapshot: () => Promise<unknown>): void;
  /** Sets the function that receives the API keys, now and after each change. Resolves when it has them. */
  receiveKeys(replace: (keys: KeysMessage) => void): Promise<void>;
  /** Closes the channel, so that this process can end. */
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
  const send = (message: FromWorker) => void (process.connected && process.send?.(message));

  process.on('message', (message: unknown) => {
    if (isMessage<FromPrimary, 'firstcome:metrics'>(message, 'firstcome:metrics')) {
      waiting.get(message.id)?.(message.metrics);
    } else if (isMessage<FromPrimary, 'firstcome:keys'>(message, 'firstcome:keys')) {
      replaceKeys(message.keys);
      send({ type: 'firstcome:keys-received', id: message.id });
    } else if (
      isMessage<FromPrimary, 'firstcome:snapshot-request'>(message, 'firstcome:snapshot-request')
    ) {
      const { id } = message;
      // Without an answer the primary reports that the metrics are incomplete.
      snapshotNow().then(
        (snapshot) => send({ type: 'firstcome:snapshot', id, snapshot }),
        () => undefined,
      );
    }
  });

  return {
    reportReady: (url) => send({ type: 'firstcome:ready', url }),
    close: () => void (process.connected && process.disconnect()),
    setSnapshotSource(snapshot) {
      snapshotNow = snapshot;
    },
    receiveKeys(replace) {
      return new Promise((resolve) => {
        replaceKeys = (keys) => {
          replace(keys);
          resolve();
        };
        send({ type: 'firstcome:keys-request' });
      });
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
        send({ type: 'firstcome:metrics-request', id });
      });
    },
  };
}
