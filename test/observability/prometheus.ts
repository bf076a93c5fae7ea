// SPDX-License-Identifier: GPL-3.0-or-later
/** A real Prometheus with the shipped configuration and rules, whose durations are shortened. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';
import { commandOf, type Found } from './programs.ts';

const shipped = join(import.meta.dirname, '../../deploy/prometheus');

/**
 * Every duration in the shipped files is divided by this, in prometheus.yml and in the rules, so that a rate still spans
 * as many scrapes, and a `for` as many evaluations, as in production.
 */
export const speedUp = 20;

const startMsMax = 60_000;

/** An alert in Prometheus' API. */
export type Alert = {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: 'pending' | 'firing';
};

/** A rule in Prometheus' API. */
export type Rule = {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  health: string;
  lastError?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
};

/** One series in the response to an instant query. */
export type Series = { metric: Record<string, string>; value: [seconds: number, value: string] };

/** A Prometheus that scrapes one service. */
export class Prometheus {
  private readonly url: string;
  private readonly child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.child = child;
  }

  /** Starts Prometheus in `folder`. It scrapes `target`, a host and port. Rejects with its output when it ends. */
  static async start(found: Found, folder: string, target: string): Promise<Prometheus> {
    await writeShortenedFiles(folder, target);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const [command, ...before] = commandOf(found, 'prometheus', folder);
    const child = spawn(
      command,
      [
        ...before,
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let output = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const ended = once(child, 'exit').then(() => 'ended' as const);
    const isReady = async () => (await fetch(`${url}/-/ready`)).ok;
    const ready = waitFor('Prometheus', isReady, { timeoutMs: startMsMax });
    if ((await Promise.race([ready, ended])) === 'ended') {
      ready.catch(() => undefined);
      throw new Error(`Prometheus did not start:\n${output}`);
    }
    return new Prometheus(url, child);
  }

  /** Runs an instant query. Rejects with Prometheus' error message when the query is invalid. */
  async query(promql: string): Promise<Series[]> {
    const { result } = await this.request<{ result: Series[] }>(
      `query?${new URLSearchParams({ query: promql })}`,
    );
    return result;
  }

  /** All loaded rules. */
  async rules(): Promise<Rule[]> {
    const { groups } = await this.request<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  /** Alerts that are pending or firing. */
  async alerts(): Promise<Alert[]> {
    return (await this.request<{ alerts: Alert[] }>('alerts')).alerts;
  }

  /** The sorted names of the firing alerts. */
  async firing(): Promise<string[]> {
    const alerts = await this.alerts();
    const firing = alerts.filter(({ state }) => state === 'firing');
    return [...new Set(firing.map(({ labels }) => labels.alertname ?? ''))].sort();
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await gone;
  }

  private async request<Data>(path: string): Promise<Data> {
    const answer = await fetch(`${this.url}/api/v1/${path}`);
    const body = (await answer.json()) as { status: string; error?: string; data: Data };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
    return body.data;
  }
}

async function writeShortenedFiles(folder: string, target: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(shipped)) {
    const text = await readFile(join(shipped, name), 'utf8');
    await writeFile(join(folder, name), shortened(text).replaceAll('127.0.0.1:8080', target));
  }
}

/** Divides every duration after a colon, in brackets or after `offset` by `speedUp`. */
export function shortened(text: string): string {
  const unitsMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000 };
  return text.replaceAll(
    /(?<before>: |\[|offset )(?<count>\d+)(?<unit>[smh])(?=[\])\s]|$)/gm,
    (_, before: string, count: string, unit: string) =>
      `${before}${Math.round((Number(count) * (unitsMs[unit] ?? 0)) / speedUp)}ms`,
  );
}
