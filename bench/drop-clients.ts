// SPDX-License-Identifier: GPL-3.0-or-later
/** Starts and controls the client processes of the drop. */
import { Histogram } from '../src/proof/drill/histogram.ts';
import type { CleanUp } from './clean-up.ts';
import { compiled } from './compile.ts';
import type { ClientMessage, DropCounts, ParentMessage, Winners } from './drop-messages.ts';
import { cpuSecondsOf } from './proc.ts';
import { type Launched, launch } from './processes.ts';

/** The sum of what all client processes report. */
export type ClientsReport = {
  seconds: number;
  counts: DropCounts;
  latency: Histogram;
  winners: Winners[];
  outcomes: Uint8Array;
  violations: string[];
};

/** Client processes whose connections are open. */
export type DropClients = {
  cpuSeconds(): number | undefined;
  /** Sends all claims. Calls `onProgress` now and then, which may clear the histogram of recent responses. */
  run(onProgress: (counts: DropCounts, recent: Histogram) => void): Promise<ClientsReport>;
};

/** Starts the processes and opens their connections. */
export async function startDropClients(
  options: {
    url: string;
    couponName: string;
    users: number;
    connections: number;
    workers: number;
    seed: number;
  },
  cleanUp: CleanUp,
): Promise<DropClients> {
  const { workers, users, couponName, seed } = options;
  const { hostname, port } = new URL(options.url);
  const args = [compiled('drop-client.ts', cleanUp)];
  const processes = await Promise.all(
    Array.from({ length: workers }, () =>
      launch({ args, ready: /(client ready)/, messages: true }, cleanUp),
    ),
  );
  const share = (part: number) => Math.floor((users * part) / workers);
  await Promise.all(
    processes.map((client, worker) => {
      const connections =
        Math.floor((options.connections * (worker + 1)) / workers) -
        Math.floor((options.connections * worker) / workers);
      const connected = nextMessage(client, 'connected');
      send(client, {
        type: 'order',
        order: {
          ...{ host: hostname, port: Number(port), couponName, seed },
          ...{ from: share(worker), to: share(worker + 1), connections: Math.max(1, connections) },
        },
      });
      return connected;
    }),
  );
  return {
    cpuSeconds: () =>
      processes
        .map(({ pid }) => cpuSecondsOf(pid))
        .reduce((sum, one) => (sum === undefined || one === undefined ? undefined : sum + one), 0),
    run: (onProgress) => runAll(processes, onProgress),
  };
}

async function runAll(
  processes: readonly Launched[],
  onProgress: (counts: DropCounts, recent: Histogram) => void,
): Promise<ClientsReport> {
  const recent = new Histogram();
  const latest = new Map<Launched, DropCounts>();
  const startedMs = performance.now();
  let seconds = 0;
  const ends = await Promise.all(
    processes.map((client) => {
      client.child.on('message', (message: ClientMessage) => {
        if (message.type !== 'progress') return;
        seconds = (performance.now() - startedMs) / 1000;
        latest.set(client, message.counts);
        recent.merge(message.recent);
        onProgress(sumOf([...latest.values()]), recent);
      });
      const ended = nextMessage(client, 'end');
      send(client, { type: 'begin' });
      return ended;
    }),
  );
  const latency = new Histogram();
  for (const end of ends) latency.merge(end.latency);
  return {
    seconds,
    latency,
    counts: sumOf(ends.map(({ counts }) => counts)),
    winners: ends.map(({ winners }) => winners),
    outcomes: Buffer.concat(ends.map((end) => end.outcomes)),
    violations: ends.flatMap(({ violations }) => violations),
  };
}

function send(client: Launched, message: ParentMessage): void {
  client.child.send(message);
}

function nextMessage<Type extends ClientMessage['type']>(
  { child }: Launched,
  type: Type,
): Promise<Extract<ClientMessage, { type: Type }>> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: ClientMessage) => {
      if (message.type === type) resolve(message as Extract<ClientMessage, { type: Type }>);
    });
    child.once('exit', () => reject(new Error('a client process of the drop ended')));
  });
}

function sumOf(all: readonly DropCounts[]): DropCounts {
  const sum = { users: 0, claimed: 0, replayed: 0, refused: 0, otherwise: 0, resent: 0 };
  for (const counts of all) {
    for (const name of Object.keys(sum) as (keyof DropCounts)[]) sum[name] += counts[name];
  }
  return sum;
}
