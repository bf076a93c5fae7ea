// SPDX-License-Identifier: GPL-3.0-or-later
/** Several processes on one port: the primary starts the workers, replaces those that die, and ends them all. */
import cluster, { type Worker } from 'node:cluster';
import { StartError } from '../../core/errors.ts';
import { type FromPrimary, type FromWorker, isMessage, type MetricsText } from './messages.ts';

/** How many workers, what they run, and who hears of their deaths. */
export type WorkersOptions = {
  count: number;
  /** Arguments of the executable that make it a worker. */
  args: string[];
  /** Variables for the workers, over those of this process. */
  env: Record<string, string>;
  /** The metrics of all workers together. */
  metricsText(): Promise<MetricsText>;
  warn(event: Record<string, unknown>, message: string): void;
  sleep(ms: number): Promise<void>;
  nowMs(): number;
};

// A worker that lives shorter than this counts as one that cannot start, and the next waits longer.
const shortLifeMs = 10_000;
const replaceWaitMsMin = 100;
const replaceWaitMsMax = 5000;

/** The workers of one service. */
export class Workers {
  private readonly options: WorkersOptions;
  private readonly startedMs = new Map<Worker, number>();
  private replaceWaitMs = replaceWaitMsMin;
  private portTaken: Record<string, string> = {};
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
        Array.from({ length: this.options.count }, () => this.startOne()),
      );
      this.serving = true;
      const url = urls[0] as string;
      // Should all of them die, the next must come back to the port that was told.
      this.portTaken = { PORT: new URL(url).port };
      return url;
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

  private startOne(): Promise<string> {
    const worker = cluster.fork({ ...this.options.env, ...this.portTaken });
    this.startedMs.set(worker, this.options.nowMs());
    return new Promise((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (isMessage<FromWorker, 'firstcome:ready'>(message, 'firstcome:ready')) {
          resolve(message.url);
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
        this.onExit(worker, code, signal);
        reject(new StartError('a worker ended before it could serve; it has said why above'));
      });
    });
  }

  private onExit(worker: Worker, code: number | null, signal: string | null): void {
    const livedMs = this.options.nowMs() - (this.startedMs.get(worker) ?? 0);
    this.startedMs.delete(worker);
    if (this.serving && !this.stopping) {
      this.options.warn(
        { pid: worker.process.pid, code, signal },
        'a worker died; another takes its place',
      );
      void this.replace(livedMs);
    }
  }

  private async replace(livedMs: number): Promise<void> {
    this.replaceWaitMs =
      livedMs < shortLifeMs ? Math.min(this.replaceWaitMs * 2, replaceWaitMsMax) : replaceWaitMsMin;
    await this.options.sleep(this.replaceWaitMs);
    // One that cannot start is replaced in its turn, by its own death.
    if (!this.stopping) await this.startOne().catch(() => undefined);
  }

  private async sendMetrics(worker: Worker, id: number): Promise<void> {
    const metrics = await this.options.metricsText().catch(() => null);
    const answer: FromPrimary = { type: 'firstcome:metrics', id, metrics };
    if (worker.isConnected()) worker.send(answer);
  }
}
