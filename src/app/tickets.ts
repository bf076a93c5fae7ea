// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the tickets of one process: the acceptance of claims, the consumer that decides them, and the reading. */
import type { TicketSpans } from '../adapters/opentelemetry/ticket-spans.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import type { ClaimOutcome } from '../core/claims/claim.ts';
import type { ClaimCoupon } from '../core/claims/claim-coupon.ts';
import type { EngineLog, TicketDecision, TicketedClaim } from '../core/claims/ports.ts';
import type { Health } from '../core/health.ts';
import { acceptClaimWith } from '../core/tickets/accept-claim.ts';
import type { DeadLetters } from '../core/tickets/dead-letters.ts';
import { QueuedClaims, type QueuedClaimsOptions } from '../core/tickets/decide-queued.ts';
import type {
  ClaimQueue,
  DatabaseClock,
  TicketMetrics,
  TicketResults,
  TicketStore,
} from '../core/tickets/ports.ts';
import { type ReadTickets, readTicketsWith } from '../core/tickets/read-ticket.ts';
import type { TicketIds } from '../core/tickets/ticket.ts';
import { TicketWaiters } from '../core/tickets/ticket-waiters.ts';
import type { OpenClaimQueue } from './claim-queue.ts';
import { stack } from './stack.ts';

/** What tickets need besides the engine. */
export type TicketParts = {
  queue: ClaimQueue;
  results: TicketResults;
  ids: TicketIds;
  store: TicketStore;
  deadLetters: DeadLetters;
  databaseClock: DatabaseClock & {
    /** For when another server may have taken over. */
    forget(): void;
  };
  metrics: TicketMetrics;
  /** Whether new claims go into the queue. */
  takesClaims: boolean;
  /** What the metrics show of the queue. */
  queueMetrics: OpenClaimQueue['metrics'];
  settings: Pick<Config['queue'], 'attemptsMax' | 'ticketExpiresSeconds'>;
  /** Undefined: nothing is traced. */
  tracing?: TicketSpans | undefined;
};

/** Decides a claim of the queue in the lane of its coupon. */
export type DecideTicket = (command: TicketedClaim) => Promise<TicketDecision>;

/** What the engine gives to tickets. */
export type EngineForTickets = Pick<QueuedClaimsOptions, 'hasRoom'> & {
  decide: DecideTicket;
  checkHealth(): Promise<Health>;
  /** Called with each decision that a claim of this process has waited for. */
  onDecided(couponName: string, outcome: ClaimOutcome['outcome']): void;
  waitingMax: number;
  log: EngineLog;
};

/** The tickets of one process. */
export type ProcessTickets = {
  /** Undefined: new claims go to the lanes. */
  acceptClaim: ClaimCoupon | undefined;
  read: ReadTickets;
  /** Begins to decide claims of the queue. */
  startConsuming(): void;
  /** Answers each claim that waits with its ticket, and decides no further claims. Those in lanes are left to their drain. */
  drain(): Promise<void>;
  /**
   * What waits: for tickets, in this process for a lane, and in a lane; and the age of the oldest claim that was taken from
   * the queue and is not decided.
   */
  depth(): { waiting: number; held: number; underWay: number; oldestMs: number };
  /** Whether the queue can be used now. */
  queueState(): NonNullable<Health['queue']>;
};

const millisecondsPerSecond = 1_000;

/** Creates the tickets of this process. */
export function createTickets(parts: TicketParts, engine: EngineForTickets): ProcessTickets {
  const { databaseClock, ids, metrics, queue, queueMetrics, results, settings, store, tracing } =
    parts;
  const { waitingMax, log } = engine;
  const waiters = new TicketWaiters({ store, clock: systemClock, metrics });
  results.onResults((received) => {
    for (const [claimId, result] of received) waiters.resolve(claimId, result);
  });
  const acceptClaim = acceptClaimWith({
    ...{ queue, results, ids, databaseClock, waiters, metrics, waitingMax },
    traceParent: tracing?.traceParent ?? (() => undefined),
    onDecided: engine.onDecided,
  });
  const { decide } = engine;
  const consumer = new QueuedClaims({
    ...{ queue, results, store, waiters, metrics, log, clock: systemClock },
    decide:
      tracing === undefined
        ? decide
        : (command, traceParent) => tracing.traceDecision(traceParent, () => decide(command)),
    hasRoom: engine.hasRoom,
    isDatabaseUp: async () => (await engine.checkHealth()).healthy,
    attemptsMax: settings.attemptsMax,
  });
  return {
    acceptClaim: parts.takesClaims
      ? stack<ClaimCoupon>(acceptClaim, [tracing?.traceWait])
      : undefined,
    read: readTicketsWith({
      ...{ ids, store, databaseClock, waiters, clock: systemClock, readersMax: waitingMax },
      expiresMs: settings.ticketExpiresSeconds * millisecondsPerSecond,
    }),
    startConsuming: () => consumer.start(),
    drain() {
      waiters.endAll();
      return consumer.stop();
    },
    depth() {
      const { held, underWay, oldestAcceptedAtMs } = consumer.depth();
      // While the database is away its clock may be unknown; for an age, that of this machine is near enough.
      const nowMs = databaseClock.nowMs() ?? Date.now();
      const oldestMs = Math.max(0, nowMs - (oldestAcceptedAtMs ?? nowMs));
      return { waiting: waiters.waiting, held, underWay, oldestMs };
    },
    queueState: () => (queueMetrics.state().isUp && queue.refusal() !== 'away' ? 'up' : 'away'),
  };
}
