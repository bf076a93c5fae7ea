// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run demo:saga`: a crowd claims a coupon with a saga, while payments are declined and answers are lost. Draws the saga of
 * one claim, and shows at the end what became of the units and the money. Exits with 1 when claims and books differ.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { type ClaimBody, Crowd, call, read } from './crowd.ts';
import { Drawing, linesOf, type SagaBody } from './drawing.ts';
import { Processes } from './processes.ts';
import { type Entry, isOver, judge } from './verdict.ts';

const users = 300;
const units = 200;
const coupon = 'DEMO';
// Each call is declined with 7 %, so that a fifth of all sagas is undone. By this seed the payment of user-1 is not captured.
const knobs = { DECLINE: '0.07', LOSE_ANSWER: '0.1', DELAY_MS: '100', SEED: '2813' };
const lookMs = 50;
const endMsMax = 300_000;
const shownMax = 10;
const allClaims = 'limit=1000&state=reserved&state=confirmed&state=released';

const print = (text: string) => process.stdout.write(`${text}\n`);

async function demonstrate(processes: Processes, signal: AbortSignal): Promise<boolean> {
  print('Starting the service with a PostgreSQL of its own, and two participants …');
  const running = await processes.start(knobs);
  const { service } = running;
  const get = <Body>(url: string) => read<Body>(url, signal);
  const created = await call<{ detail?: string }>(`${service}/api/coupons`, {
    body: { name: coupon, amount: units, hold_seconds: 600, saga: 'checkout' },
    signal,
  });
  if (created.status !== 201) throw new Error(`the coupon was refused: ${created.body.detail}`);
  print(`${users} users claim ${units} units. 7 % of all calls are declined, of 10 % the answer`);
  print('is lost. This is the saga of the first claim:\n');

  const crowd = new Crowd({ service, coupon, signal });
  const first = await crowd.claim('user-1');
  const others = Array.from({ length: users - 1 }, (_, n) => crowd.claim(`user-${n + 2}`));
  const arrived = Promise.all(others);
  // Reported below, at the end of the loop.
  arrived.catch(() => undefined);
  const drawing = new Drawing(process.stdout);
  const deadlineMs = performance.now() + endMsMax;
  let claims: ClaimBody[] = [];
  let left = units;
  for (let hasEnded = false; !hasEnded; await wait(lookMs, undefined, { signal })) {
    const path = `${service}/api/coupons/${coupon}`;
    // First: a user who gets a unit during the next requests still counts as waiting.
    const { waiting } = crowd;
    ({ claims } = await get<{ claims: ClaimBody[] }>(`${path}/claims?${allClaims}`));
    left = (await get<{ remaining_amount: number }>(path)).remaining_amount;
    // The saga is stored a moment after its claim: until then the response is 404.
    const { body: saga } = await call<SagaBody>(`${service}/api/sagas/${first?.saga_id}`, {
      signal,
    });
    const of = (state: string) => claims.filter((claim) => claim.state === state).length;
    drawing.show(saga.steps === undefined ? [] : linesOf(saga), [
      `All: ${of('confirmed')} confirmed, ${of('released')} released, ${of('reserved')} under way`,
      `${left} units left, ${waiting} users without one`,
    ]);
    hasEnded = isOver({ claims, units, waiting });
    if (performance.now() > deadlineMs) throw new Error('not all sagas have ended in time');
  }
  crowd.goHome();
  await arrived;
  const bookOf = async (url: string) => (await get<{ entries: Entry[] }>(`${url}/book`)).entries;
  const [payment, loyalty] = [await bookOf(running.payment), await bookOf(running.loyalty)];
  const { lines, differences } = judge({ claims, units, left }, { payment, loyalty });
  print(`\n${lines.join('\n')}\n`);
  for (const difference of differences.slice(0, shownMax)) print(`DIFFERS ${difference}`);
  print(
    differences.length > 0
      ? `${differences.length} differences between units, claims and books.`
      : 'Each confirmed claim is paid and has its points. No released one has anything.',
  );
  return differences.length === 0;
}

const stopping = new AbortController();
// Each request of the crowd listens to it.
setMaxListeners(0, stopping.signal);
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => stopping.abort());
}
// The reader of a pipe has ended.
process.stdout.on('error', () => stopping.abort());
const processes = new Processes();
try {
  const agrees = await demonstrate(processes, stopping.signal);
  process.exitCode = agrees ? 0 : 1;
} catch (error) {
  const { message } = error as Error;
  // `fetch` rejects with a TypeError where nothing answers.
  const reason = error instanceof TypeError ? ((await processes.lost()) ?? message) : message;
  if (!stopping.signal.aborted) print(`The demonstration failed: ${reason}`);
  process.exitCode = 1;
} finally {
  print(stopping.signal.aborted ? '\nStopping everything …' : 'Stopping everything …');
  await processes.stop();
}
