// SPDX-License-Identifier: GPL-3.0-or-later
/** A client process of the drop: sends the claims of a share of the users and reports the responses. */
import { DropCrowd } from './drop-crowd.ts';
import type { ClientMessage, ParentMessage } from './drop-messages.ts';

const progressEveryMs = 250;
let crowd: DropCrowd | undefined;

process.on('message', async (message: ParentMessage) => {
  if (message.type === 'order') {
    crowd = new DropCrowd(message.order);
    await crowd.connect();
    send({ type: 'connected' });
  } else if (crowd !== undefined) {
    await run(crowd);
  }
});
process.on('disconnect', () => process.exit(1));
process.stdout.write('client ready\n');

async function run(one: DropCrowd): Promise<void> {
  const timer = setInterval(() => sendProgress(one), progressEveryMs);
  await one.run();
  clearInterval(timer);
  sendProgress(one);
  send({
    type: 'end',
    counts: one.counts,
    latency: one.latency.toPairs(),
    winners: one.winners(),
    outcomes: one.outcomes,
    violations: one.violations,
  });
  one.close();
}

function sendProgress(one: DropCrowd): void {
  send({ type: 'progress', counts: one.counts, recent: one.recent.toPairs() });
  one.recent.clear();
}

function send(message: ClientMessage): void {
  process.send?.(message);
}
