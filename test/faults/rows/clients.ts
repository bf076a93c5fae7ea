// SPDX-License-Identifier: GPL-3.0-or-later
/** What clients do to the service: storms of retries, overload, and connections that are held open. */
import { connect, type Socket } from 'node:net';
import type { FaultRow, Injection } from '../fault-row.ts';
import { servedShare } from '../seen.ts';
import { claimStatement } from './service.ts';

/** Row 30: each answer is asked for ten times, in parallel, reordered, on all nodes. */
export const retryStorm: FaultRow = {
  row: 30,
  name: 'storm of retries',
  nodes: 3,
  drill: { scenario: 'retry-storm', users: 1000, units: 600, rate: 100 },
  faultSeconds: 0,
  isFelt: false,
  inject: async () => undefined,
};

// One batch takes 50 ms and holds 100 claims at most: 2,000 claims a second.
const batchMax = 100;
const batchDelayMs = 50;
// 2,000 claims a second wait for up to a second, besides those who are turned away meanwhile.
const connections = 3000;
const goodputShareMin = 0.9;
const recoveryMsMax = 5000;
const lookEveryMs = 250;
const lookMsMax = 1000;

type Look = { path: string; status: number; ms: number };
const looks = new WeakMap<Injection['rig'], Look[]>();

/** Row 31: two, five and ten times what a slow database decides, from clients that come again. */
export const overloaded: FaultRow = {
  row: 31,
  name: 'overload of a slow database',
  nodes: 1,
  env: { CLAIM_BATCH_MAX: String(batchMax) },
  drill: { scenario: 'overload', seconds: 30, connections, isRateMeasured: true },
  faultSeconds: 30,
  isFelt: false,
  // Nothing sells out here.
  audit: { refusals: [] },
  async inject(injection) {
    const { rig } = injection;
    for (const { proxy } of rig.nodes) {
      proxy.slowWhen = (piece, direction) =>
        direction === 'toServer' && claimStatement.test(piece.toString('latin1'))
          ? { delayMs: batchDelayMs }
          : undefined;
    }
    const all: Look[] = [];
    looks.set(rig, all);
    await injection.fault('batches 50 ms slower', async () => {
      while (!injection.isDrillOver) {
        await lookAround(injection, all);
        await injection.pause(lookEveryMs);
      }
    });
  },
  check: ({ rig, report, note }) => {
    const { saturation = 0, recoveredAfterS = 0, phases } = report;
    const broken: string[] = [];
    const overloads = phases.filter(({ name }) => name.endsWith('times'));
    const shares = overloads.map((phase) => phase.decidedPerSecond / saturation);
    note(
      `peak ${saturation.toFixed(0)}/s, goodput ${shares.map((one) => one.toFixed(2)).join(' ')} of it`,
    );
    for (const [index, share] of shares.entries()) {
      if (share >= goodputShareMin) continue;
      broken.push(
        `at ${overloads[index]?.name} the load, goodput was ${share.toFixed(2)} of the peak`,
      );
    }
    note(`back after ${recoveredAfterS.toFixed(0)} s`);
    if (recoveredAfterS * 1000 > recoveryMsMax) {
      broken.push(`clients were turned away until ${recoveredAfterS} s after the overload`);
    }
    const all = looks.get(rig) ?? [];
    const worst = Math.max(...all.map(({ ms }) => ms));
    note(`${all.length} looks at health and coupons, ${worst.toFixed(0)} ms at most`);
    const bad = all.filter(({ status, ms }) => status !== 200 || ms > lookMsMax);
    if (bad.length > 0)
      broken.push(
        `during the overload ${bad[0]?.path} was answered ${bad[0]?.status} after ${bad[0]?.ms.toFixed(0)} ms`,
      );
    return broken;
  },
};

async function lookAround({ rig }: Injection, all: Look[]): Promise<void> {
  for (const node of rig.nodes) {
    for (const path of ['/health', '/api/coupons']) {
      const startMs = performance.now();
      const signal = AbortSignal.timeout(lookMsMax * 2);
      const status = await fetch(`${node.url}${path}`, { signal }).then(
        async (answer) => {
          await answer.arrayBuffer();
          return answer.status;
        },
        () => 0,
      );
      all.push({ path, status, ms: performance.now() - startMs });
    }
  }
}

const attackers = 300;
const closedWithinMs = 8000;
const honestShareMin = 0.95;
const dripEveryMs = 200;

/** Sends a request so slowly that it never ends. */
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

/** Row 33: hundreds hold connections open; they are closed in time, and honest clients notice nothing. */
export const slowClients: FaultRow = {
  row: 33,
  name: 'connections held open',
  env: { HTTP_HEADERS_TIMEOUT_MS: '2000', HTTP_REQUEST_TIMEOUT_MS: '4000' },
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
