// SPDX-License-Identifier: GPL-3.0-or-later
/** The processes of the demonstration: the service with its bundled PostgreSQL, and the two participants of its saga. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const root = join(import.meta.dirname, '../..');
const stopMsMax = 30_000;
// The connection of a process ends a moment before it is seen to end.
const lostMsMax = 1_000;

/** What the saga does, in `SAGAS_FILE`. */
export const amountCents = 1_999;
/** The points of one claim. */
export const points = 100;

const steps = [
  {
    ...{ name: 'authorize', kind: 'payment', action: 'authorize', participant: 'payment' },
    data: { amount_cents: amountCents, currency: 'EUR' },
  },
  { name: 'points', kind: 'loyalty', action: 'grant', participant: 'loyalty', data: { points } },
  { name: 'capture', kind: 'payment', action: 'capture', participant: 'payment' },
];

/** Everything that runs, by its URLs. */
export type Running = { service: string; payment: string; loyalty: string };

/** The started processes, and how to end them. */
export class Processes {
  private readonly children: ChildProcess[] = [];
  private folder = '';

  /** Starts all, on free ports, with their files in a temporary folder. `knobs` are those of both participants. */
  async start(knobs: Record<string, string>): Promise<Running> {
    this.folder = await realpath(await mkdtemp(join(tmpdir(), 'firstcome-demo-')));
    // PostgreSQL does not run as root, but as another user.
    await chmod(this.folder, 0o755);
    const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;
    const secrets = { PAYMENT_SECRET: newSecret(), LOYALTY_SECRET: newSecret() };
    const participant = (name: 'payment' | 'loyalty') =>
      this.run([join(root, `examples/${name}/${name}.mjs`)], / on (http:\S+)/, {
        ...{ ...secrets, ...knobs, JOURNAL: join(this.folder, `${name}.journal`) },
      });
    const [payment, loyalty] = await Promise.all([participant('payment'), participant('loyalty')]);
    const file = join(this.folder, 'sagas.json');
    const participants = {
      payment: { url: payment, secret_env: 'PAYMENT_SECRET' },
      loyalty: { url: loyalty, secret_env: 'LOYALTY_SECRET' },
    };
    await writeFile(file, JSON.stringify({ participants, sagas: { checkout: { steps } } }));
    const service = await this.run([join(root, 'dist/main.js'), 'serve'], / on (http:\S+)/, {
      ...{ ...secrets, SAGAS_FILE: file, DATA_DIR: join(this.folder, 'data'), LOG_LEVEL: 'warn' },
    });
    return { service, payment, loyalty };
  }

  /** Which process has ended before `stop`, and by what. Undefined: all still run a second later. */
  async lost(): Promise<string | undefined> {
    const hasEnded = (one: ChildProcess) => one.exitCode !== null || one.signalCode !== null;
    if (!this.children.some(hasEnded)) {
      const ends = this.children.map((one) => once(one, 'exit'));
      await Promise.race([...ends, wait(lostMsMax)]);
    }
    const child = this.children.find(hasEnded);
    if (child === undefined) return undefined;
    const program = basename(child.spawnargs[1] ?? '');
    return `${program} has ended (${child.signalCode ?? `exit code ${child.exitCode}`})`;
  }

  /** Ends all, the service first, and removes their files. */
  async stop(): Promise<void> {
    for (const child of [...this.children].reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(timer);
    }
    if (this.folder !== '') await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Starts a program of Node, and waits until it prints its URL. */
  private run(args: string[], url: RegExp, env: Record<string, string>): Promise<string> {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, args, {
      env: { PATH, HOME, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C reaches the demonstration alone, which ends the others in order.
      detached: true,
    });
    this.children.push(child);
    return new Promise((resolve, reject) => {
      let output = '';
      const read = (chunk: Buffer) => {
        output = `${output}${chunk}`.slice(-10_000);
        const found = url.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('error', reject);
      child.on('exit', () => reject(new Error(`${args.join(' ')} has ended:\n${output}`)));
    });
  }
}
