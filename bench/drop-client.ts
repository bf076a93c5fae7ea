// SPDX-License-Identifier: GPL-3.0-or-later
/** A client process of the drop: a share of the users, and what they heard. */
import { DropCrowd } from './drop-crowd.ts';
import type { ClientMessage, ParentMessage } from './drop-messages.ts';

const progressEveryMs = 250;
let crowd: DropCrowd | undefined;

process.on('message', async (message: ParentMessage) => {
  if (message.type === 'order') {
    crowd = new DropCrowd(message.order);
    await crowd.connect();
    tell({ type: 'connected' });
  } else if (crowd !== undefined) {
    await run(crowd);
  }
});
process.on('disconnect', () => process.exit(1));
process.stdout.write('client ready\n');

async function run(one: DropCrowd): Promise<void> {
  const timer = setInterval(() => tellProgress(one), progressEveryMs);
  await one.run();
  clearInterval(timer);
  tellProgress(one);
  tell({
    type: 'end',
    counts: one.counts,
    latency: one.latency.toPairs(),
    winners: one.winners(),
    fates: one.fates,
    violations: one.violations,
  });
  one.close();
}

function tellProgress(one: DropCrowd): void {
  tell({ type: 'progress', counts: one.counts, lately: one.lately.toPairs() });
  one.lately.clear();
}

function tell(message: ClientMessage): void {
  process.send?.(message);
}
