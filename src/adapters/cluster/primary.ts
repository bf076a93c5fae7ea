// SPDX-License-Identifier: GPL-3.0-or-later
/** Several processes on one port: the primary starts the workers, replaces those that die, and stops them. */
import cluster, { type Worker } from 'node:cluster';
import { StartError } from '../../core/errors.ts';
import {
  type FromPrimary,
  type FromWorker,
  isMessage,
  type KeysMessage,
  type MetricsText,
} from './messages.ts';

/** The number of workers, what they run, and what the primary needs for them. */
export type WorkersOptions = {
  count: number;
  /** Arguments that make the executable a worker. The number of its slot, from 0, is added. */
  args: string[];
  /** Variables for a worker, over those of this process. They name a fixed port, since all workers share it. */
  env(): Record<string, string>;
  /** The current API keys. */
  keys(): KeysMessage;
  /** Adds up the metrics of the workers. A slot, from 0, is that of a worker and of those that replace it. */
  metrics: {
    receive(slot: number, snapshot: never): void;
    ended(slot: number): void;
    text(): Promise<MetricsText>;
  };
  warn(event: Record<string, unknown>, message: string): void;
  sleep(ms: number): Promise<void>;
  nowMs(): number;
};

// After a shorter life than this a worker counts as unable to start, and the delay of the next one doubles.
const shortLifeMs = 10_000;
const replaceDelayMsMin = 100;
const replaceDelayMsMax = 5000;
// Less than the time for which the scraped worker waits.
const workerAnswerMsMax = 1500;

type Exit = { code: number | null; signal: string | null };
type PendingRequest = { slot: number; resolve(): void };

/** The workers of one service. */
export class Workers {
  private readonly options: WorkersOptions;
  private readonly startedMs = new Map<Worker, number>();
  /** The workers that serve, by slot. */
  private readonly ready = new Map<number, Worker>();
  /** The workers that have requested the keys, before they serve, and get each change of them; by slot. */
  private readonly withKeys = new Map<number, Worker>();
  private readonly pending = new Map<number, PendingRequest>();
  private lastId = 0;
  private replaceDelayMs = replaceDelayMsMin;
  private serving = false;
  private stopping = false;

  constructor(options: WorkersOptions) {
    this.options = options;
    // The kernel gives each connection to a worker that accepts it. If the primary distributed connections, one could go to
    // a worker that has just died, and one above the limit of a worker would be passed on forever.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
  }

  /** Starts all workers and returns their shared address. When one ends before it serves, rejects and leaves none. */
  async start(): Promise<string> {
    try {
      const urls = await Promise.all(
        Array.from({ length: this.options.count }, (_, slot) => this.startOne(slot)),
      );
      this.serving = true;
      return urls[0] as string;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Drains every worker, and kills those that still run after `timeoutMs`. May be called again. */
  async stop(timeoutMs: number): Promise<void> {
    const { nowMs, sleep } = this.options;
    this.stopping = true;
    const deadlineMs = nowMs() + timeoutMs;
    for (const worker of this.startedMs.keys()) worker.process.kill('SIGTERM');
    while (this.startedMs.size > 0 && nowMs() < deadlineMs) await sleep(10);
    for (const worker of this.startedMs.keys()) worker.process.kill('SIGKILL');
    while (this.startedMs.size > 0) await sleep(10);
  }

  /** Sends the API keys to every worker. True when all have them, false when one does not confirm that in time. */
  async sendKeys(): Promise<boolean> {
    const sent = [...this.withKeys].map(([slot, worker]) => this.sendKeysTo(slot, worker));
    return (await Promise.all(sent)).every(Boolean);
  }

  private sendKeysTo(slot: number, worker: Worker): Promise<boolean> {
    const keys = this.options.keys();
    return this.request(slot, worker, (id) => ({ type: 'firstcome:keys', id, keys }));
  }

  private startOne(slot: number): Promise<string> {
    cluster.setupPrimary({ args: [...this.options.args, String(slot)] });
    const worker = cluster.fork(this.options.env());
    this.startedMs.set(worker, this.options.nowMs());
    return new Promise((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (isMessage<FromWorker, 'firstcome:ready'>(message, 'firstcome:ready')) {
          this.ready.set(slot, worker);
          resolve(message.url);
        } else if (isMessage<FromWorker, 'firstcome:snapshot'>(message, 'firstcome:snapshot')) {
          this.onSnapshot(message.id, message.snapshot);
        } else if (
          isMessage<FromWorker, 'firstcome:keys-request'>(message, 'firstcome:keys-request')
        ) {
          this.withKeys.set(slot, worker);
          void this.sendKeysTo(slot, worker);
        } else if (
          isMessage<FromWorker, 'firstcome:keys-received'>(message, 'firstcome:keys-received')
        ) {
          this.pending.get(message.id)?.resolve();
        } else if (
          isMessage<FromWorker, 'firstcome:metrics-request'>(message, 'firstcome:metrics-request')
        ) {
          void this.sendMetrics(worker, message.id);
        }
      });
      worker.on('error', (err) => {
        this.options.warn({ pid: worker.process.pid, err }, 'cannot send to a worker');
      });
      worker.once('exit', (code, signal) => {
        this.onExit(worker, slot, { code, signal });
        reject(new StartError('a worker ended before it could serve; see its error above'));
      });
    });
  }

  private onExit(worker: Worker, slot: number, exit: Exit): void {
    const livedMs = this.options.nowMs() - (this.startedMs.get(worker) ?? 0);
    this.startedMs.delete(worker);
    this.ready.delete(slot);
    this.withKeys.delete(slot);
    for (const request of this.pending.values()) {
      if (request.slot === slot) request.resolve();
    }
    this.options.metrics.ended(slot);
    if (this.serving && !this.stopping) {
      this.options.warn({ pid: worker.process.pid, ...exit }, 'a worker died; starting another');
      void this.replace(slot, livedMs);
    }
  }

  private async replace(slot: number, livedMs: number): Promise<void> {
    this.replaceDelayMs =
      livedMs < shortLifeMs
        ? Math.min(this.replaceDelayMs * 2, replaceDelayMsMax)
        : replaceDelayMsMin;
    await this.options.sleep(this.replaceDelayMs);
    // A worker that cannot start is replaced again when it exits.
    if (!this.stopping) await this.startOne(slot).catch(() => undefined);
  }

  private async sendMetrics(worker: Worker, id: number): Promise<void> {
    const metrics = await this.metricsText().catch(() => null);
    const answer: FromPrimary = { type: 'firstcome:metrics', id, metrics };
    if (worker.isConnected()) worker.send(answer);
  }

  /** Rejects when a serving worker does not send its metrics: the sum without them would be too small. */
  private async metricsText(): Promise<MetricsText> {
    const snapshots = [...this.ready].map(([slot, worker]) =>
      this.request(slot, worker, (id) => ({ type: 'firstcome:snapshot-request', id })),
    );
    const areComplete = (await Promise.all(snapshots)).every(Boolean);
    if (!areComplete) throw new Error('a worker does not send its metrics');
    return this.options.metrics.text();
  }

  /** True when the worker has answered or has ended, false when it does not answer in time. */
  private request(
    slot: number,
    worker: Worker,
    message: (id: number) => FromPrimary,
  ): Promise<boolean> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve) => {
      const finish = (isAnswered: boolean) => () => {
        clearTimeout(timer);
        this.pending.delete(id);
        resolve(isAnswered);
      };
      const timer = setTimeout(finish(false), workerAnswerMsMax);
      this.pending.set(id, { slot, resolve: finish(true) });
      if (worker.isConnected()) worker.send(message(id));
    });
  }

  private onSnapshot(id: number, snapshot: unknown): void {
    const request = this.pending.get(id);
    // Too late: the request has failed, or the worker has ended and its last snapshot counts.
    if (request === undefined) return;
    this.options.metrics.receive(request.slot, snapshot as never);
    request.resolve();
  }
}
