// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults of clients: retry storms, overload, and connections that are held open. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { DrillReport } from '../../../src/proof/drill/report.ts';
import type { FaultRow, Injection } from '../fault-row.ts';
import { servedShare } from '../seen.ts';

/** Row 30: clients send each claim ten times, in parallel, reordered, on all nodes. */
export const retryStorm: FaultRow = {
  row: 30,
  name: 'storm of retries',
  hasClientRuns: true,
  nodes: 3,
  scenarios: ['retry-storm'],
  drill: { users: 1000, units: 600, rate: 100 },
  faultSeconds: 0,
  isFelt: false,
  inject: async () => undefined,
};

// The bytes of a claim on its way to the database: ids and key with their lengths. Two thousand claims pass per second.
const claimBytes = 66;
const bytesPerSecond = 2000 * claimBytes;
// With the default size a batch would hold the claims of half a second, and the rate per second would jump.
const batchMax = 250;
// Two thousand claims wait for up to a second, besides those that are refused meanwhile.
const connections = 3000;
const goodputShareMin = 0.9;
const recoveryMsMax = 5000;
const lookEveryMs = 250;
const snapshotMsMax = 1000;
const memoryMbMax = 512;

type Look = { path: string; status: number; ms: number };
type Watch = { looks: Look[]; memoryMb: number[] };
const watches = new WeakMap<Injection['rig'], Watch>();

/**
 * Row 31: two, five and ten times the load that a slow database can decide, from clients that retry. Each claim takes
 * half a millisecond of the database.
 */
export const overloaded: FaultRow = {
  row: 31,
  name: 'overload of a slow database',
  nodes: 1,
  env: { CLAIM_BATCH_MAX: String(batchMax) },
  scenarios: ['overload'],
  drill: { seconds: 30, connections, isRateMeasured: true },
  faultSeconds: 30,
  isFelt: false,
  // No coupon sells out.
  async inject(injection) {
    const { rig } = injection;
    for (const { proxy } of rig.nodes) {
      proxy.slowWhen = (_, direction) =>
        direction === 'toServer' ? { delayMs: 0, bytesPerSecond } : undefined;
    }
    const watch: Watch = { looks: [], memoryMb: [] };
    watches.set(rig, watch);
    await injection.fault('claims of half a millisecond', async () => {
      while (!injection.isDrillOver) {
        await lookAround(injection, watch);
        await injection.pause(lookEveryMs);
      }
    });
  },
  check: ({ rig, report, note }) => {
    const watch = watches.get(rig) ?? { looks: [], memoryMb: [] };
    return [...goodputOf(report, note), ...watched(watch, note)];
  },
};

function goodputOf(report: DrillReport, note: (figure: string) => void): string[] {
  const { saturation = 0, recoveredAfterS = 0, turnedAwayUntilS = 0, phases, generator } = report;
  const broken: string[] = [];
  const overloads = phases.filter(({ name }) => name.endsWith('times'));
  const shares = overloads.map(({ name, asked, seconds, decidedPerSecond }) => {
    const share = decidedPerSecond / saturation;
    if (!(share >= goodputShareMin)) {
      broken.push(`at ${name} the load, goodput was ${share.toFixed(2)} of the peak`);
    }
    return `${share.toFixed(2)} at ${(asked / seconds / saturation).toFixed(1)} times`;
  });
  note(`peak ${saturation.toFixed(0)}/s, goodput ${shares.join(', ')}`);
  if (generator.isLimit) note(`the load came up to ${generator.lagMsMax.toFixed(0)} ms late`);
  note(
    `back after ${recoveredAfterS.toFixed(0)} s, last one turned away ${turnedAwayUntilS.toFixed(0)} s after`,
  );
  if (recoveredAfterS * 1000 > recoveryMsMax) {
    broken.push(`full work was back only ${recoveredAfterS.toFixed(1)} s after the overload`);
  }
  const waits = Object.keys(report.retryAfterS);
  note(`Retry-After ${waits.join(', ')} s`);
  if (waits.length < 2) broken.push('all refused clients got the same Retry-After');
  return broken;
}

function watched({ looks, memoryMb }: Watch, note: (figure: string) => void): string[] {
  const broken: string[] = [];
  const worst = Math.max(...looks.map(({ ms }) => ms));
  note(`${looks.length} reads of health and coupons, ${worst.toFixed(0)} ms at most`);
  const bad = looks.find(({ status, ms }) => status !== 200 || ms > snapshotMsMax);
  if (bad !== undefined || looks.length === 0) {
    broken.push(`during the overload ${bad?.path} was answered ${bad?.status} after ${bad?.ms} ms`);
  }
  const most = Math.max(...memoryMb);
  if (memoryMb.length > 0) note(`memory ${memoryMb[0]} to ${memoryMb.at(-1)} MB, at most ${most}`);
  if (most > memoryMbMax) broken.push(`the service took ${most} MB`);
  return broken;
}

async function lookAround({ rig }: Injection, { looks, memoryMb }: Watch): Promise<void> {
  for (const node of rig.nodes) {
    const memory = residentMb(node.pid);
    if (memory !== undefined) memoryMb.push(memory);
    for (const path of ['/health', '/api/coupons']) {
      const startMs = performance.now();
      const signal = AbortSignal.timeout(snapshotMsMax * 2);
      const status = await fetch(`${node.url}${path}`, { signal }).then(
        async (answer) => {
          await answer.arrayBuffer();
          return answer.status;
        },
        () => 0,
      );
      looks.push({ path, status, ms: performance.now() - startMs });
    }
  }
}

/** Undefined where there is no `/proc`. */
function residentMb(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1024);
  } catch {
    return undefined;
  }
}

const attackers = 300;
const closedWithinMs = 8000;
const honestShareMin = 0.95;
const dripEveryMs = 200;

/** Sends a request so slowly that it does not end during the run. */
type Attack = (socket: Socket) => void;

const attacks: Record<string, Attack> = {
  'headers a line at a time': (socket) => {
    socket.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    drip(socket, () => `X-${Math.trunc(performance.now())}: 1\r\n`);
  },
  'nothing at all': () => undefined,
  'a body a byte at a time': (socket) => {
    socket.write(
      'POST /api/coupons/claim HTTP/1.1\r\nHost: 127.0.0.1\r\n' +
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
    );
    drip(socket, () => ' ');
  },
  'huge headers': (socket) => {
    socket.write(`GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Huge: ${'x'.repeat(100_000)}`);
  },
  'half of a connection': (socket) => {
    socket.end('GET /health HTTP/1.1\r\n');
  },
};

const leftOpen = new WeakMap<Injection['rig'], string[]>();
const connectedShareMin = 0.9;

/** Row 33: hundreds of clients hold connections open. The service closes them in time; other clients are served. */
export const slowClients: FaultRow = {
  row: 33,
  name: 'connections held open',
  env: {
    ...{ HTTP_HEADERS_TIMEOUT_MS: '2000', HTTP_REQUEST_TIMEOUT_MS: '4000' },
    HTTP_KEEP_ALIVE_TIMEOUT_MS: '4000',
  },
  faultSeconds: closedWithinMs / 1000 + 1,
  isFelt: false,
  async inject(injection) {
    const { rig, chance } = injection;
    const open = new Map<Socket, string>();
    let connected = 0;
    await injection.fault(`${attackers} slow connections`, async () => {
      for (let attacker = 0; attacker < attackers; attacker += 1) {
        const name = chance.pick(Object.keys(attacks));
        const { hostname, port } = new URL(chance.pick(rig.nodes).url);
        const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
        open.set(socket, name);
        socket.on('error', () => undefined);
        socket.on('close', () => open.delete(socket));
        socket.on('end', () => socket.destroy());
        socket.resume();
        socket.on('connect', () => {
          connected += 1;
          attacks[name]?.(socket);
        });
      }
      await injection.pause(closedWithinMs);
      if (connected < attackers * connectedShareMin) {
        throw new Error(`only ${connected} of ${attackers} attackers got a connection`);
      }
      leftOpen.set(rig, [...new Set(open.values())]);
      for (const socket of open.keys()) socket.destroy();
    });
  },
  check: ({ rig, seen, faults }) => {
    const broken = (leftOpen.get(rig) ?? []).map(
      (name) => `after ${closedWithinMs} ms a connection was still open that sent ${name}`,
    );
    for (const span of faults) {
      const share = servedShare(seen, span);
      if (share < honestShareMin)
        broken.push(`of the honest requests ${share.toFixed(2)} were served`);
    }
    return broken;
  },
};

function drip(socket: Socket, next: () => string): void {
  const timer = setInterval(() => socket.write(next()), dripEveryMs);
  socket.on('close', () => clearInterval(timer));
}
