// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { epochMs, FakeSaleService, secondAt } from '../../../test/support/fake-sale-service.ts';
import { FakeChannels, FakeLocks } from '../../../test/support/fake-tabs.ts';
import { VirtualTime } from '../../../test/support/virtual-time.ts';
import { ServerClock } from '../clock.ts';
import type { Sale } from './sale-data.ts';
import { SaleFeed } from './sale-feed.ts';

/** A browser, with the service that its tabs read from. */
function setup({ isSecure = true } = {}) {
  const time = new VirtualTime();
  const service = new FakeSaleService(time);
  const [locks, channels] = [new FakeLocks(), new FakeChannels()];
  let tabs = 0;
  const openTab = (name = 'drop') => {
    tabs += 1;
    const random = (tabs % 7) / 7;
    let isFrozen = false;
    let thawed: (() => unknown)[] = [];
    const openChannel = (channelName: string) => {
      const channel = channels.openChannel(channelName, () => isFrozen);
      const post = (message: unknown): void => {
        if (isFrozen) thawed.push(() => post(message));
        else channel.post(message);
      };
      return { post, listen: channel.listen.bind(channel), close: channel.close.bind(channel) };
    };
    const clock = new ServerClock(() => time.nowMs);
    let sale: Sale | undefined;
    const feed = new SaleFeed(
      name,
      {
        ...{ service, clock, random: () => random },
        time: {
          nowMs: () => time.nowMs,
          after: (ms, run) => time.after(ms, () => (isFrozen ? thawed.push(run) : run())),
        },
        sharing: isSecure ? { locks, openChannel } : undefined,
      },
      (changed) => {
        sale = changed;
      },
    );
    return {
      ...{ feed, clock },
      close: () => feed.sleep(),
      /** Nothing of the tab runs any more. */
      freeze: () => {
        isFrozen = true;
      },
      thaw: () => {
        isFrozen = false;
        const late = thawed;
        thawed = [];
        for (const run of late) run();
      },
      sale: () => sale as Sale,
      /** How old the last second is that the tab shows, in seconds. */
      behind: () =>
        (epochMs + time.nowMs - (sale?.seconds.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY)) / 1_000,
    };
  };
  const pass = async (ms: number) => {
    let isOver = false;
    time.after(ms, () => {
      isOver = true;
    });
    await time.runUntil(() => isOver);
  };
  return { time, service, locks, openTab, pass };
}

/** Expects 15 minutes of seconds without a gap, each with its own counts. */
function expectWhole({ seconds }: Sale): void {
  expect(seconds).toHaveLength(900);
  const firstMs = seconds[0]?.atMs ?? 0;
  // A plain comparison: `expect` for each second would take most of the time of these tests.
  const wrong = seconds.filter(({ atMs, outcomes }, place) => {
    const isInOrder = atMs === firstMs + place * 1_000;
    return !isInOrder || outcomes?.claimed !== secondAt(atMs / 1_000).outcomes?.claimed;
  });
  expect(wrong).toEqual([]);
}

describe('a sale in one tab', () => {
  it('is live within a second, with 15 minutes of history', async () => {
    const { openTab, pass } = setup();
    const tab = openTab();
    expect(tab.sale()).toMatchObject({ status: 'connecting', seconds: [], overview: undefined });
    await pass(1_000);
    expect(tab.sale()).toMatchObject({ status: 'live', health: { status: 'healthy' } });
    expectWhole(tab.sale());
  });

  it('reads the history only at its begin, while the stream brings each second', async () => {
    const { openTab, pass, service } = setup();
    const tab = openTab();
    await pass(60_000);
    expectWhole(tab.sale());
    expect(tab.behind()).toBeLessThan(3.5);
    expect(service.calls.readOutcomeHistory).toBeLessThanOrEqual(2);
    expect(service.calls.streamOutcomes).toBe(1);
    expect(service.calls.readOverview).toBeLessThanOrEqual(61);
    expect(service.calls.readHealth).toBeLessThanOrEqual(31);
  });

  it('knows the time of the service', async () => {
    const { openTab, pass, time } = setup();
    const tab = openTab();
    await pass(1_000);
    const { serverMs, errorMs } = tab.clock.read() ?? { serverMs: 0, errorMs: 0 };
    expect(Math.abs(serverMs - (epochMs + time.nowMs))).toBeLessThanOrEqual(errorMs);
    expect(errorMs).toBeLessThan(20);
  });

  it('is stale 3 seconds after the service is gone, and live 2 seconds after it is back', async () => {
    const { openTab, pass, service } = setup();
    const tab = openTab();
    await pass(10_000);
    service.refusal = 'unavailable';
    await pass(1_500);
    expect(tab.sale().status).toBe('live');
    await pass(2_500);
    expect(tab.sale()).toMatchObject({ status: 'stale', refusal: { outcome: 'unavailable' } });
    await pass(20_000);
    expect(tab.sale().overview).toBeDefined();
    service.refusal = undefined;
    await pass(2_000);
    expect(tab.sale()).toMatchObject({ status: 'live', refusal: undefined });
    expectWhole(tab.sale());
    expect(service.streams).toEqual(['drop']);
  });

  it('stays live and whole while its stream is silent, and opens it again', async () => {
    const { openTab, pass, service } = setup();
    const tab = openTab();
    await pass(10_000);
    const { streamOutcomes } = service.calls;
    service.isSilent = true;
    for (let second = 0; second < 20; second += 1) {
      await pass(1_000);
      expect(tab.sale().status).toBe('live');
      expect(tab.behind()).toBeLessThan(5.5);
      expectWhole(tab.sale());
    }
    const opened = service.calls.streamOutcomes - streamOutcomes;
    expect(opened).toBeGreaterThanOrEqual(1);
    expect(opened).toBeLessThanOrEqual(4);
    expect(service.streams).toEqual(['drop']);
  });

  it('that does not exist is refused, and costs few calls', async () => {
    const { openTab, pass, service } = setup();
    service.refusal = 'coupon_not_found';
    const tab = openTab();
    await pass(60_000);
    const refused = { status: 'connecting', refusal: { outcome: 'coupon_not_found' } };
    expect(tab.sale()).toMatchObject(refused);
    expect(service.callCount - service.calls.readHealth).toBeLessThanOrEqual(40);
  });

  it('sleeps when it is hidden for 30 seconds, and fills the gap when it wakes', async () => {
    const { openTab, pass, service } = setup();
    const tab = openTab();
    await pass(10_000);
    tab.feed.setVisible(false);
    await pass(29_000);
    expect(tab.sale().status).toBe('live');
    await pass(2_000);
    expect(tab.sale().status).toBe('asleep');
    expect(service.streams).toEqual([]);
    const { callCount } = service;
    await pass(300_000);
    expect(service.callCount).toBe(callCount);
    tab.feed.setVisible(true);
    await pass(1_000);
    expect(tab.sale().status).toBe('live');
    expectWhole(tab.sale());
  });

  it('does not sleep when it was hidden for less', async () => {
    const { openTab, pass } = setup();
    const tab = openTab();
    for (let round = 0; round < 4; round += 1) {
      tab.feed.setVisible(false);
      await pass(20_000);
      tab.feed.setVisible(true);
      await pass(20_000);
      expect(tab.sale().status).toBe('live');
    }
  });

  it('reads the history, and opens no stream, where tabs cannot share one', async () => {
    const { openTab, pass, service } = setup({ isSecure: false });
    const tabs = Array.from({ length: 7 }, () => openTab());
    await pass(30_000);
    for (const tab of tabs) {
      expect(tab.sale().status).toBe('live');
      expectWhole(tab.sale());
      expect(tab.behind()).toBeLessThan(4.5);
    }
    expect(service.calls.streamOutcomes).toBe(0);
    for (const tab of tabs) tab.close();
  });
});

describe('a sale in seven tabs', () => {
  it('has one stream, and costs what one tab does', async () => {
    const { openTab, pass, service } = setup();
    const tabs = Array.from({ length: 7 }, () => openTab());
    await pass(60_000);
    for (const tab of tabs) {
      expectWhole(tab.sale());
      expect(tab.sale()).toMatchObject({ status: 'live', health: { status: 'healthy' } });
      expect(tab.sale().seconds).toEqual(tabs[0]?.sale().seconds);
      expect(tab.clock.read()?.errorMs).toBeLessThan(200);
    }
    expect(service.streamsMax).toBe(1);
    expect(service.callCount).toBeLessThan(100);
  });

  it('is known to an eighth one at once, without a call', async () => {
    const { openTab, pass, service } = setup();
    for (let tabs = 0; tabs < 7; tabs += 1) openTab();
    await pass(10_000);
    const { readOutcomeHistory } = service.calls;
    const tab = openTab();
    await pass(100);
    expect(tab.sale().status).toBe('live');
    expectWhole(tab.sale());
    expect(service.calls.readOutcomeHistory).toBe(readOutcomeHistory);
  });

  it('stays live and whole as one leader after the other closes', async () => {
    const { openTab, pass, service } = setup();
    const tabs = Array.from({ length: 7 }, () => openTab());
    await pass(5_000);
    while (tabs.length > 1) {
      tabs.shift()?.close();
      for (let half = 0; half < 6; half += 1) {
        await pass(500);
        for (const tab of tabs) expect(tab.sale().status).toBe('live');
      }
      for (const tab of tabs) expectWhole(tab.sale());
      expect(service.streams).toEqual(['drop']);
    }
    expect(service.streamsMax).toBe(1);
  });

  it('gets another leader within 3 seconds when its leader hangs', async () => {
    const { openTab, pass, service } = setup();
    const [leader, ...tabs] = Array.from({ length: 7 }, () => openTab());
    await pass(5_000);
    leader?.freeze();
    await pass(3_000);
    const { streamOutcomes } = service.calls;
    expect(streamOutcomes).toBeGreaterThanOrEqual(2);
    for (const tab of tabs) {
      expect(tab.sale().status).toBe('live');
      expectWhole(tab.sale());
    }
    await pass(20_000);
    leader?.thaw();
    await pass(3_000);
    expect(service.streams).toEqual(['drop']);
    expect(service.calls.streamOutcomes).toBe(streamOutcomes);
    for (const tab of [leader, ...tabs]) {
      expect(tab?.sale().status).toBe('live');
      if (tab !== undefined) expectWhole(tab.sale());
    }
  });

  it('gets a visible leader when its leader hangs', async () => {
    const { openTab, pass, locks } = setup();
    const [leader, ...tabs] = Array.from({ length: 7 }, () => openTab());
    await pass(5_000);
    const visible = tabs.pop();
    for (const tab of tabs) tab.feed.setVisible(false);
    leader?.freeze();
    await pass(5_000);
    // The hidden ones still wait for the lock.
    expect(locks.waiting('firstcome:sale:drop')).toBeGreaterThanOrEqual(tabs.length);
    for (const tab of tabs) tab.close();
    await pass(1_000);
    expect(visible?.sale().status).toBe('live');
  });

  it('gets another leader within 3 seconds when its leader is hidden for 30 seconds', async () => {
    const { openTab, pass, service } = setup();
    const [leader, ...tabs] = Array.from({ length: 7 }, () => openTab());
    await pass(5_000);
    leader?.feed.setVisible(false);
    for (let second = 0; second < 40; second += 1) {
      await pass(1_000);
      for (const tab of tabs) expect(tab.sale().status).toBe('live');
    }
    expect(leader?.sale().status).toBe('asleep');
    expect(service.streams).toEqual(['drop']);
    for (const tab of tabs) expectWhole(tab.sale());
  });
});

describe('many sales in one browser', () => {
  it('have three streams at most, and all are live', async () => {
    const { openTab, pass, service } = setup();
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const tabs = names.map((name) => openTab(name));
    await pass(20_000);
    for (const tab of tabs) {
      expect(tab.sale().status).toBe('live');
      expectWhole(tab.sale());
      expect(tab.behind()).toBeLessThan(4.5);
    }
    expect(service.streams).toHaveLength(3);
    const [closed = ''] = service.streams;
    tabs[names.indexOf(closed)]?.close();
    await pass(10_000);
    expect(service.streams).toHaveLength(3);
    expect(service.streams).not.toContain(closed);
    expect(service.streamsMax).toBe(3);
  });
});
