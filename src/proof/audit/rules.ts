// SPDX-License-Identifier: GPL-3.0-or-later
import type { Evidence } from './evidence.ts';
import { acknowledgedIsStored } from './rules/acknowledged.ts';
import { paymentsMatchClaims, pointsMatchClaims } from './rules/books.ts';
import { changesWereRequested } from './rules/changes-requested.ts';
import { changesAreStored } from './rules/changes-stored.ts';
import { eventsAreDelivered } from './rules/events.ts';
import { holdsLast } from './rules/expiry.ts';
import { isLinearizable } from './rules/linearizable.ts';
import { serviceRecovers } from './rules/liveness.ts';
import { moneyComesFirst } from './rules/money-first.ts';
import { noOversell } from './rules/no-oversell.ts';
import { noPhantom } from './rules/no-phantom.ts';
import { isNotVacuous } from './rules/not-vacuous.ts';
import { onePerUser } from './rules/one-per-user.ts';
import { orderIsRealTime } from './rules/order.ts';
import { readsWithinBounds } from './rules/read-bounds.ts';
import { recordsAgree } from './rules/reconcile.ts';
import { refusalsHold } from './rules/refusals-hold.ts';
import { sagasEnd } from './rules/sagas.ts';
import { sameAnswer } from './rules/same-answer.ts';
import { sessionsSeeTheirClaims } from './rules/sessions.ts';
import { sheddingIsProper } from './rules/shedding.ts';
import { soldOutIsTrue } from './rules/sold-out.ts';
import { stateRefusalsAreTrue } from './rules/states-refused.ts';
import { stepsAreInOrder } from './rules/step-order.ts';
import { ticketsEndOnce } from './rules/tickets.ts';
import { transitionsAreAllowed } from './rules/transitions.ts';
import { releasedIsUndone } from './rules/undone.ts';
import { unknownsResolve } from './rules/unknowns.ts';
import { windowIsKept } from './rules/window.ts';
import type { RuleReport } from './verdict.ts';

/** All rules, in order of their numbers. Each reads the full evidence and is independent of the others. */
export const rules: readonly ((evidence: Evidence) => RuleReport)[] = [
  noOversell,
  onePerUser,
  acknowledgedIsStored,
  noPhantom,
  refusalsHold,
  unknownsResolve,
  sameAnswer,
  recordsAgree,
  readsWithinBounds,
  soldOutIsTrue,
  sessionsSeeTheirClaims,
  windowIsKept,
  orderIsRealTime,
  isLinearizable,
  ticketsEndOnce,
  eventsAreDelivered,
  serviceRecovers,
  sheddingIsProper,
  isNotVacuous,
  transitionsAreAllowed,
  holdsLast,
  changesAreStored,
  changesWereRequested,
  stateRefusalsAreTrue,
  paymentsMatchClaims,
  pointsMatchClaims,
  releasedIsUndone,
  sagasEnd,
  stepsAreInOrder,
  moneyComesFirst,
];
