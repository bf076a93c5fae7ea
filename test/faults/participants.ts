// SPDX-License-Identifier: GPL-3.0-or-later
/** The payment and the loyalty service of a run: the examples as processes, behind a proxy for each node of the service. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ExampleParticipant,
  participantSecret,
  startExample,
} from '../support/example-participant.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { freePort } from '../support/free-port.ts';

/** What a step calls, and what undoes it. */
export const runActions = ['authorize', 'grant', 'capture'] as const;
export const undoActions = ['void', 'revoke', 'refund'] as const;

/** One of them. */
export type Action = (typeof runActions)[number] | (typeof undoActions)[number];

/** The names of the participants. */
export const participantNames = ['payment', 'loyalty'] as const;

type Name = (typeof participantNames)[number];

const adminKey = 'a'.repeat(32);
const stepTimeoutMs = 1_000;
// Of three calls, two may be declined: a fifth of all sagas. Every tenth answer is lost, every twentieth is too late.
const knobs = { LOSE_ANSWER: '0.1', SLOW: '0.05', DELAY_MS: String(stepTimeoutMs * 1.5) };
const decline: Record<Name, string> = { payment: '0.1', loyalty: '0' };

/** Whether a piece of a connection begins a call of this action. */
export function isCall(piece: Buffer, action: Action): boolean {
  return piece.toString('latin1').startsWith(`POST /${action} `);
}

/** The saga that a call is for; undefined for another piece. */
export function sagaOf(piece: Buffer): string | undefined {
  return /^idempotency-key: ([0-9a-f-]{36}):/im.exec(piece.toString('latin1'))?.[1];
}

/** One participant. It keeps its port and its journal over restarts. */
class Participant {
  readonly url: string;
  private readonly name: Name;
  private readonly journal: string;
  private process: ExampleParticipant | undefined;

  constructor(name: Name, { port, folder }: { port: number; folder: string }) {
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.journal = join(folder, `${name}.journal`);
  }

  async start(): Promise<void> {
    const { port } = new URL(this.url);
    const env = { ...knobs, DECLINE: decline[this.name], PORT: port };
    this.process = await startExample(this.name, this.journal, env);
  }

  /** Kills it without waiting. */
  kill(): void {
    this.process?.process.kill('SIGKILL');
  }

  /** Kills it with -9, unless it is gone, and waits for its end. */
  async gone(): Promise<void> {
    await this.process?.kill();
  }
}

/** All participants of a run, and what the service and the drill need to know of them. */
export class Participants {
  readonly payment: Participant;
  readonly loyalty: Participant;
  private readonly folder: string;
  private readonly receiver: string;
  /** Of each node in order. */
  private readonly proxies: Record<Name, FaultProxy>[] = [];

  private constructor(folder: string, ports: { payment: number; loyalty: number; drill: number }) {
    this.folder = folder;
    this.receiver = `http://127.0.0.1:${ports.drill}`;
    this.payment = new Participant('payment', { port: ports.payment, folder });
    this.loyalty = new Participant('loyalty', { port: ports.loyalty, folder });
  }

  /** Starts both. `onEnd` registers what ends them. */
  static async start(
    folder: string,
    nodes: number,
    onEnd: (undo: () => Promise<void>) => void,
  ): Promise<Participants> {
    const [payment, loyalty, drill] = [await freePort(), await freePort(), await freePort()];
    const all = new Participants(folder, { payment, loyalty, drill });
    onEnd(() => all.stop());
    await Promise.all(participantNames.map((name) => all[name].start()));
    for (let node = 0; node < nodes; node += 1) {
      const proxies = {
        payment: await FaultProxy.before(all.payment.url),
        loyalty: await FaultProxy.before(all.loyalty.url),
      };
      all.proxies.push(proxies);
      const urls = {
        payment: proxies.payment.urlOf(all.payment.url),
        loyalty: proxies.loyalty.urlOf(all.loyalty.url),
      };
      await writeFile(all.fileOf(node), JSON.stringify(sagasFile(urls)));
    }
    return all;
  }

  /** The participant that an action calls. */
  of(action: Action): Participant {
    return this[nameOf(action)];
  }

  /** The proxy through which a node calls for this action. */
  proxyOf(node: number, action: Action): FaultProxy {
    const proxies = this.proxies[node];
    if (proxies === undefined) throw new Error(`there is no node ${node}`);
    return proxies[nameOf(action)];
  }

  /** The settings of a node. */
  envOf(node: number): Record<string, string> {
    return {
      ...{ ADMIN_API_KEY: adminKey, SAGAS_FILE: this.fileOf(node) },
      ...{ PAYMENT_SECRET: participantSecret, LOYALTY_SECRET: participantSecret },
      ...{ WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_RECEIVERS: new URL(this.receiver).host },
    };
  }

  /** The settings and the options of the drill. */
  get drill(): { env: Record<string, string>; options: Record<string, string> } {
    return {
      env: { ADMIN_API_KEY: adminKey },
      options: {
        ...{ saga: 'checkout', receiver: this.receiver },
        ...{ 'payment-book': this.payment.url, 'loyalty-book': this.loyalty.url },
      },
    };
  }

  /** Lets all calls pass again. */
  heal(): void {
    for (const proxy of this.allProxies()) {
      proxy.release();
      proxy.heal();
    }
  }

  private async stop(): Promise<void> {
    await Promise.all(this.allProxies().map((proxy) => proxy.stop()));
    await Promise.all(participantNames.map((name) => this[name].gone()));
  }

  private allProxies(): FaultProxy[] {
    return this.proxies.flatMap(({ payment, loyalty }) => [payment, loyalty]);
  }

  private fileOf(node: number): string {
    return join(this.folder, `sagas-of-node-${node}.json`);
  }
}

function nameOf(action: Action): Name {
  return action === 'grant' || action === 'revoke' ? 'loyalty' : 'payment';
}

function sagasFile(urls: Record<Name, string>) {
  const money = { amount_cents: 1_999, currency: 'EUR' };
  // So many that a participant that is gone for seconds leaves no saga to an operator.
  const shared = {
    ...{ timeout_ms: stepTimeoutMs, attempts: 10, undo_attempts: 100, backoff_ms: 50 },
  };
  const payment = { kind: 'payment', participant: 'payment', ...shared };
  const loyalty = { kind: 'loyalty', participant: 'loyalty', ...shared };
  return {
    participants: {
      payment: { url: urls.payment, secret_env: 'PAYMENT_SECRET' },
      loyalty: { url: urls.loyalty, secret_env: 'LOYALTY_SECRET' },
    },
    sagas: {
      checkout: {
        steps: [
          { ...payment, name: 'authorize', action: 'authorize', data: money },
          { ...loyalty, name: 'points', action: 'grant', data: { points: 100 } },
          { ...payment, name: 'capture', action: 'capture' },
        ],
      },
    },
  };
}
