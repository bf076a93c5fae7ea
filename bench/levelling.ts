// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:levelling`: a spike of ten times what a slow database decides, on a service that decides each claim at once
 * and on one that queues them. Writes the plot of both.
 */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { drawLines, type LinePlot, type PlotLine } from '../src/proof/plot/line-plot.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { type DatabaseServer, startDatabaseServer } from './database-server.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { hasRabbitMq, rabbitMqMissing, startBroker } from './rabbitmq.ts';
import { coupon, sendAll } from './set-up.ts';
import { type SpikeSample, sendSpike } from './spike.ts';
import { shown } from './statistics.ts';
import { type Colour, svgFile } from './svg-file.ts';
import { createDatabaseFor, missingBuild, startTarget } from './targets.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  rate: number;
  seconds: number;
  output: string;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:levelling --').description(
      'Sends ten times what a slow database decides to a service that decides at once, and to one that queues.',
    ),
  )
    .option('--rate <count>', 'claims a second of the spike', wholeNumber, 5_000)
    .option('--seconds <count>', 'seconds of the spike', wholeNumber, 3)
    .option(
      '--output <file>',
      'file for the plot',
      join(import.meta.dirname, '../docs/levelling.svg'),
    ),
  process.argv.slice(2),
);

// The database decides 25 claims of a coupon in each round trip of 50 ms: 500 a second.
const roundTripMs = 50;
const slow = { CLAIM_BATCH_MAX: '25' };
const plenty = 2_000_000_000;
const name = 'SPIKE';

process.exitCode = await runCleanly(run);

async function run(cleanUp: CleanUp): Promise<number> {
  const { databaseUrl, folder, output, rate, seconds } = options;
  const missing = hasRabbitMq() ? missingBuild() : rabbitMqMissing;
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const broker = await startBroker(folder, cleanUp);
  say(
    `PostgreSQL ${server.version} behind a round trip of ${roundTripMs} ms, RabbitMQ ${broker.version}, ` +
      `${shown(rate)} claims/s for ${seconds} s`,
  );
  const direct = await spike({}, undefined, server, cleanUp);
  const queue = { CLAIM_MODE: 'queued', AMQP_URL: await broker.createVirtualHost() };
  const queued = await spike(queue, 'respond-async', server, cleanUp);
  sayResult('direct', direct);
  sayResult('queued', queued);
  writeFileSync(output, svgFile(drawLines(plotOf(direct, queued))));
  say(`written to ${relative(process.cwd(), output)}`);
  const last = queued.at(-1);
  return last !== undefined && last.decided === last.sent ? 0 : 1;
}

async function spike(
  settings: Record<string, string>,
  prefer: string | undefined,
  server: DatabaseServer,
  cleanUp: CleanUp,
): Promise<SpikeSample[]> {
  const spec = { kind: 'firstcome', roundTripMs } as const;
  const database = await createDatabaseFor(spec, server);
  const target = await startTarget(spec, { database, settings: { ...slow, ...settings } }, cleanUp);
  const url = target.url ?? '';
  await sendAll(url, [coupon(name, plenty)]);
  const samples = await sendSpike({
    ...{ url, coupon: name, rate: options.rate, seconds: options.seconds, prefer },
    async readDecided() {
      const [row] =
        (await database?.query<{ decided: string }>(
          'select amount - remaining_amount as decided from coupons where name = $1',
          [name],
        )) ?? [];
      return Number(row?.decided);
    },
  });
  await target.stop();
  return samples;
}

function sayResult(mode: string, samples: readonly SpikeSample[]): void {
  const last = samples.at(-1);
  const ended = samples.find(({ decided }) => decided === last?.decided);
  say(
    `${mode}: ${shown(last?.sent)} sent, ${shown(last?.taken)} taken, ${shown(last?.shed)} shed, ` +
      `${shown(last?.failed)} failed, ${shown(last?.decided)} decided within ${shown(ended?.seconds)} s`,
  );
}

function plotOf(direct: readonly SpikeSample[], queued: readonly SpikeSample[]): LinePlot {
  const line = (
    text: string,
    colour: Colour,
    samples: readonly SpikeSample[],
    figure: 'sent' | 'taken' | 'shed' | 'decided',
  ): PlotLine => ({
    ...{ name: text, colour },
    points: samples.map((sample) => [sample.seconds, sample[figure]] as const),
  });
  const end = Math.ceil(queued.at(-1)?.seconds ?? 1);
  const step = Math.ceil(end / 8);
  return {
    title: `A spike of ${shown(options.rate)} claims a second on a database that decides 500`,
    ...{ xTitle: 'seconds', yTitle: 'claims', scale: 'linear' },
    xTicks: Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => ({
      at: index * step,
      text: String(index * step),
    })),
    lines: [
      { ...line('queued: accepted', 'purple', queued, 'taken'), dashed: true },
      line('queued: decided', 'blue', queued, 'decided'),
      line('direct: shed', 'orange', direct, 'shed'),
      line('direct: decided', 'grey', direct, 'decided'),
    ],
  };
}
