// SPDX-License-Identifier: GPL-3.0-or-later
/** Several processes on one port: the primary starts the workers, replaces those that die, and ends them all. */
import cluster, { type Worker } from 'node:cluster';
import { StartError } from '../../core/errors.ts';
import {
  type FromPrimary,
  type FromWorker,
  isMessage,
  type KeysMessage,
  type MetricsText,
} from './messages.ts';

/** How many workers, what they run, and who hears of their deaths. */
export type WorkersOptions = {
  count: number;
  /** Arguments of the executable that make it a worker. */
  args: string[];
  /** Variables for a worker, over those of this process. The port among them is one that all can find again. */
  env(): Record<string, string>;
  /** The API keys of now. */
  keys(): KeysMessage;
  /** Joins the metrics of the workers. A place, from 0, is one worker's, and after its death that of the next. */
  metrics: {
    receive(place: number, snapshot: never): void;
    ended(place: number): void;
    text(): Promise<MetricsText>;
  };
  warn(event: Record<string, unknown>, message: string): void;
  sleep(ms: number): Promise<void>;
  nowMs(): number;
};

// A worker that lives shorter than this counts as one that cannot start, and the next waits longer.
const shortLifeMs = 10_000;
const replaceWaitMsMin = 100;
const replaceWaitMsMax = 5000;
// Less than the worker waits that was asked by a scrape.
const snapshotMsMax = 1500;

type Exit = { code: number | null; signal: string | null };
type SnapshotWanted = { place: number; settle(): void };

/** The workers of one service. */
export class Workers {
  private readonly options: WorkersOptions;
  private readonly startedMs = new Map<Worker, number>();
  /** Those that serve, by their place. */
  private readonly ready = new Map<number, Worker>();
  private readonly snapshotsWanted = new Map<number, SnapshotWanted>();
  private lastId = 0;
  private replaceWaitMs = replaceWaitMsMin;
  private serving = false;
  private stopping = false;

  constructor(options: WorkersOptions) {
    this.options = options;
    // The kernel hands a connection to a worker that accepts it. Dealt out by the primary, it could wait for a worker that
    // just died, and one beyond a worker's bound would be dealt out for ever.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ args: options.args });
  }

  /** Starts them all and returns the address that they share. Rejects, with none left, when one ends before it serves. */
  async start(): Promise<string> {
    try {
      const urls = await Promise.all(
        Array.from({ length: this.options.count }, (_, place) => this.startOne(place)),
      );
      this.serving = true;
      return urls[0] as string;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Lets every worker answer what it has, and kills what is left after `timeoutMs`. May be called again. */
  async stop(timeoutMs: number): Promise<void> {
    const { nowMs, sleep } = this.options;
    this.stopping = true;
    const deadlineMs = nowMs() + timeoutMs;
    for (const worker of this.startedMs.keys()) worker.process.kill('SIGTERM');
    while (this.startedMs.size > 0 && nowMs() < deadlineMs) await sleep(10);
    for (const worker of this.startedMs.keys()) worker.process.kill('SIGKILL');
    while (this.startedMs.size > 0) await sleep(10);
  }

  /** Sends the API keys to every worker; one that starts gets them when it is ready. */
  sendKeys(): void {
    for (const worker of this.ready.values()) this.sendKeysTo(worker);
  }

  private sendKeysTo(worker: Worker): void {
    const message: FromPrimary = { type: 'firstcome:keys', keys: this.options.keys() };
    if (worker.isConnected()) worker.send(message);
  }

  private startOne(place: number): Promise<string> {
    const worker = cluster.fork(this.options.env());
    this.startedMs.set(worker, this.options.nowMs());
    return new Promise((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (isMessage<FromWorker, 'firstcome:ready'>(message, 'firstcome:ready')) {
          this.ready.set(place, worker);
          // They may have changed since it was started.
          this.sendKeysTo(worker);
          resolve(message.url);
        } else if (isMessage<FromWorker, 'firstcome:snapshot'>(message, 'firstcome:snapshot')) {
          this.onSnapshot(message.id, message.snapshot);
        } else if (
          isMessage<FromWorker, 'firstcome:metrics-wanted'>(message, 'firstcome:metrics-wanted')
        ) {
          void this.sendMetrics(worker, message.id);
        }
      });
      worker.on('error', (err) => {
        this.options.warn({ pid: worker.process.pid, err }, 'a worker cannot be reached');
      });
      worker.once('exit', (code, signal) => {
        this.onExit(worker, place, { code, signal });
        reject(new StartError('a worker ended before it could serve; it has said why above'));
      });
    });
  }

  private onExit(worker: Worker, place: number, exit: Exit): void {
    const livedMs = this.options.nowMs() - (this.startedMs.get(worker) ?? 0);
    this.startedMs.delete(worker);
    this.ready.delete(place);
    for (const wanted of this.snapshotsWanted.values()) if (wanted.place === place) wanted.settle();
    this.options.metrics.ended(place);
    if (this.serving && !this.stopping) {
      this.options.warn(
        { pid: worker.process.pid, ...exit },
        'a worker died; another takes its place',
      );
      void this.replace(place, livedMs);
    }
  }

  private async replace(place: number, livedMs: number): Promise<void> {
    this.replaceWaitMs =
      livedMs < shortLifeMs ? Math.min(this.replaceWaitMs * 2, replaceWaitMsMax) : replaceWaitMsMin;
    await this.options.sleep(this.replaceWaitMs);
    // One that cannot start is replaced in its turn, by its own death.
    if (!this.stopping) await this.startOne(place).catch(() => undefined);
  }

  private async sendMetrics(worker: Worker, id: number): Promise<void> {
    const metrics = await this.metricsText().catch(() => null);
    const answer: FromPrimary = { type: 'firstcome:metrics', id, metrics };
    if (worker.isConnected()) worker.send(answer);
  }

  /** Rejects when a worker that serves does not tell what it has counted: a sum without it would be too small. */
  private async metricsText(): Promise<MetricsText> {
    await Promise.all([...this.ready].map(([place, worker]) => this.hear(place, worker)));
    return this.options.metrics.text();
  }

  /** Resolves when the worker has told its snapshot, or is gone. */
  private hear(place: number, worker: Worker): Promise<void> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        clearTimeout(timer);
        this.snapshotsWanted.delete(id);
        settle();
      };
      const late = end(() => reject(new Error('a worker does not tell its metrics')));
      const timer = setTimeout(late, snapshotMsMax);
      this.snapshotsWanted.set(id, { place, settle: end(resolve) });
      const question: FromPrimary = { type: 'firstcome:snapshot-wanted', id };
      if (worker.isConnected()) worker.send(question);
    });
  }

  private onSnapshot(id: number, snapshot: unknown): void {
    const wanted = this.snapshotsWanted.get(id);
    // Too late, or from beyond the grave: what that worker has counted is kept already.
    if (wanted === undefined) return;
    this.options.metrics.receive(wanted.place, snapshot as never);
    wanted.settle();
  }
}
