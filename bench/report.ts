// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Writes `docs/performance.md` and its plots:
 * `npm run bench:report -- <results.json> [<million.json> [<overload.json> [<watched.json>]]]`
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { drawLines } from '../src/proof/plot/line-plot.ts';
import { say } from './clean-up.ts';
import { batchPlotsOf } from './report-of-batches.ts';
import { pageOf } from './report-page.ts';
import { overloadPlotsOf, plotsOf } from './report-plots.ts';
import type { MillionResult, OverloadResult, Results } from './results.ts';
import { svgFile } from './svg-file.ts';

const docs = join(import.meta.dirname, '../docs');
// In this order.
const textFiles = {
  'functions.md': 'The functions that decide batches',
  'sagas.md': 'Sagas',
  'events.md': 'Events',
  'streams.md': 'Live streams',
  'console.md': 'A watched sale',
  'nodes.md': 'Several nodes and cached reads',
  'queue.md': 'Queued claims',
  'tried.md': 'Optimisations',
};

const [resultsFile, millionFile, overloadFile, watchedFile] = process.argv.slice(2);
if (resultsFile === undefined || resultsFile === '--help') {
  say(
    'usage: npm run bench:report -- <results.json> [<million.json> [<overload.json> [<watched.json>]]]',
  );
  process.exitCode = resultsFile === undefined ? 2 : 0;
} else {
  const results: Results = JSON.parse(readFileSync(resultsFile, 'utf8'));
  const million = readIfNamed<MillionResult>(millionFile);
  const overload = readIfNamed<OverloadResult>(overloadFile);
  const watched = readIfNamed<Results>(watchedFile) ?? results;
  const files = [resultsFile, millionFile, overloadFile, watchedFile].filter(
    (file) => file !== undefined,
  );
  const plots = plotsOf(results);
  const batchPlots = batchPlotsOf(results);
  const overloadPlots = overload === undefined ? [] : overloadPlotsOf(overload);
  mkdirSync(join(docs, 'performance'), { recursive: true });
  for (const { file, plot } of [...plots, ...batchPlots, ...overloadPlots]) {
    writeFileSync(join(docs, 'performance', file), svgFile(drawLines(plot)));
    say(`wrote docs/performance/${file}`);
  }
  const page = pageOf({
    ...{ results, million, overload, watched, plots, batchPlots, overloadPlots },
    sources: files.map((file) => basename(file)),
    texts: Object.entries(textFiles).map(([file, title]) => ({
      title,
      text: readFileSync(join(import.meta.dirname, file), 'utf8').trim(),
    })),
  });
  writeFileSync(join(docs, 'performance.md'), page);
  say('wrote docs/performance.md');
}

function readIfNamed<Result>(file: string | undefined): Result | undefined {
  return file === undefined ? undefined : JSON.parse(readFileSync(file, 'utf8'));
}
