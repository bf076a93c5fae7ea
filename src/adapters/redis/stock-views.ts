// SPDX-License-Identifier: GPL-3.0-or-later
import type { SharedStockView, SharedStockViews } from '../../core/stock/stock-view.ts';
import type { RedisConnection } from './redis.ts';
import { decodeNames, decodeView, encodeNames, encodeView } from './stock-view-messages.ts';

// A view that is older answers nobody: the service accepts none from before a mark that it has forgotten.
const viewMsMax = 60_000;
// Enough for several marks of each process. One whose marks are pushed out reads the database instead.
const marksMax = 64;
const marksKey = 'view-marks';
const viewsChannel = 'views';
const wantedChannel = 'wanted-views';
const namesPerMessageMax = 50;

/** Shares stock views over Redis. Whatever is found there, also by another release, is checked before it is used. */
export function redisStockViews(redis: RedisConnection): SharedStockViews {
  const { prefix } = redis;
  const marks = prefix + marksKey;
  const keyOf = (couponName: string) => `${prefix}view:${couponName}`;
  const ignore = () => undefined;
  return {
    exchange(mark, couponNames) {
      // In this order: a process that finds the mark reads it after this call, and this one has its marks before the answer.
      const exchanging = redis.run((client) => {
        const commands = client.pipeline();
        if (mark !== undefined) {
          commands
            .lpush(marks, mark)
            .ltrim(marks, 0, marksMax - 1)
            .pexpire(marks, viewMsMax);
        }
        commands.lrange(marks, 0, marksMax - 1);
        if (couponNames.length > 0) commands.mget(couponNames.map(keyOf));
        return commands.exec();
      });
      return exchanging
        .then((results) => {
          const answers = (results ?? []).slice(mark === undefined ? 0 : 3);
          const [found, texts] = answers.map(([, result]) => result);
          if (!isListOfStrings(found)) return undefined;
          return { marks: found, views: viewsOf(texts, couponNames) };
        })
        .catch(ignore);
    },

    publish(shared) {
      const sending = redis.run((client) => {
        const commands = client.pipeline();
        for (const one of shared) {
          const text = encodeView(one);
          commands.set(keyOf(one.view.coupon.name), text, 'PX', viewMsMax);
          commands.publish(prefix + viewsChannel, text);
        }
        return commands.exec();
      });
      sending.catch(ignore);
    },

    want(couponNames) {
      for (let start = 0; start < couponNames.length; start += namesPerMessageMax) {
        const names = couponNames.slice(start, start + namesPerMessageMax);
        redis
          .run((client) => client.publish(prefix + wantedChannel, encodeNames(names)))
          .catch(ignore);
      }
    },

    subscribe({ onView, onWanted }) {
      redis.subscribe(viewsChannel, (text) => {
        const shared = decodeView(text);
        if (shared !== undefined) onView(shared);
      });
      redis.subscribe(wantedChannel, (text) => {
        const names = decodeNames(text);
        if (names !== undefined) onWanted(names);
      });
    },
  };
}

/** The views of these coupons; a key may hold anything, also the view of another coupon. */
function viewsOf(texts: unknown, couponNames: readonly string[]): SharedStockView[] {
  if (!Array.isArray(texts)) return [];
  return couponNames.flatMap((name, index) => {
    const shared = decodeView(texts[index]);
    return shared?.view.coupon.name === name ? [shared] : [];
  });
}

function isListOfStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
