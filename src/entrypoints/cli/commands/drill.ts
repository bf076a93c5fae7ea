// SPDX-License-Identifier: GPL-3.0-or-later
import { Command, InvalidArgumentError } from 'commander';
import type { DrillArguments, Output, Program, Verdict } from '../program.ts';

/** `firstcome drill`: simulates a crowd of clients, records what each of them saw, and audits it. */
export function drillCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  return new Command('drill')
    .summary('run a crowd of clients against a service')
    .description(
      'Simulates a crowd of clients of a running service, records what each of them saw, and ' +
        'audits it against the database: DATABASE_URL, or the bundled PostgreSQL in DATA_DIR ' +
        'while it runs here. The drill archives its coupons at its end. ' +
        'Exit code 0: passed; 1: failed, or ' +
        'could not be run; 2: wrong usage; 3: unknown.',
    )
    .argument('<scenario>', 'the scenario to run; see below')
    .option(
      '--url <url>',
      'URL of a node; repeat it for each node (default: HOST and PORT)',
      (url: string, before: string[] = []) => [...before, url],
    )
    .option('--seed <number>', 'equal seeds plan equal arrivals', wholeNumber, 1)
    .option('--users <count>', 'number of users', wholeNumber)
    .option('--units <count>', 'units of the coupon', wholeNumber)
    .option('--rate <number>', 'arrivals per second, however slow the answers are', oneNumber)
    .option('--ramp <from:to>', 'arrivals per second at the start and at the end', ramp)
    .option('--times <list>', 'loads of overload, as multiples of the saturation', numbers)
    .option('--seconds <number>', 'how long users arrive', oneNumber)
    .option('--connections <count>', 'connections to all nodes together', wholeNumber)
    .option(
      '--read-max-age <s>',
      'add reads, half of which accept a cached answer of this age',
      wholeNumber,
    )
    .option('--prefer <text>', 'Prefer of all claims: respond-async or wait=<seconds>')
    .option('--batch <count>', 'send claims in calls of up to so many', wholeNumber)
    .option('--timeout <ms>', 'how long a client waits for an answer', wholeNumber)
    .option('--coupon <name>', 'name of the coupon, which must be new')
    .option('--saga <name>', 'sagas: the saga of the coupon, as SAGAS_FILE names it')
    .option('--payment-book <url>', 'sagas: the participant that takes the money')
    .option('--loyalty-book <url>', 'sagas: the participant that grants the points')
    .option('--receiver <url>', 'sagas: where events are received (default: http://127.0.0.1:9109)')
    .option('--history <file>', 'file for the history; overwritten (default: drill.jsonl)')
    .option('--json <file>', 'file for a JSON report')
    .option('--html <file>', 'file for an HTML report with plots')
    .option(
      '--faults <file>',
      'faults injected during the drill, read after it; see `firstcome audit --help`',
    )
    .option('--no-audit', 'do not audit; run `firstcome audit` later')
    .addHelpText(
      'after',
      () => `\nScenarios:\n${scenariosHelp(program.scenarios)}\n${scenariosNote}`,
    )
    .action(async (scenario: string, options: DrillFlags) => {
      const { url, timeout, readMaxAge, json, html, ...others } = options;
      const verdict = await program.drill(
        {
          ...{ ...others, scenario },
          ...(url !== undefined && { urls: url }),
          ...(timeout !== undefined && { timeoutMs: timeout }),
          ...(readMaxAge !== undefined && { readMaxAgeS: readMaxAge }),
          ...(json !== undefined && { jsonReport: json }),
          ...(html !== undefined && { htmlReport: html }),
        },
        output,
      );
      onVerdict(verdict);
    });
}

const scenariosNote = `The defaults of users, units and rate depend on the scenario.

million sends a claim on each connection as soon as the last one is answered. It
writes no history, so it cannot be audited later. Its audit compares the claims
that answers showed with the stored ones, and counts the other answers.

sagas needs a service with SAGAS_FILE, participants whose GET /book shows what
they have booked, and a webhook to the drill: WEBHOOK_ALLOW_HTTP=true and
WEBHOOK_ALLOWED_RECEIVERS=127.0.0.1:9109 in the service. It waits until no saga
runs, and its audit compares claims, books and events.`;

function scenariosHelp(scenarios: Program['scenarios']): string {
  const entries = Object.entries(scenarios);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, description]) => `  ${name.padEnd(width)}  ${description}\n`).join('');
}

type DrillFlags = Omit<DrillArguments, 'scenario' | 'urls' | 'timeoutMs' | 'readMaxAgeS'> & {
  url?: string[];
  timeout?: number;
  readMaxAge?: number;
  json?: string;
  html?: string;
};

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number from 0 to 999999999999999.');
  return Number(text);
}

function oneNumber(text: string): number {
  return number(text, 'a number, such as 30 or 2.5');
}

function number(text: string, what: string): number {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) {
    const digits = 'at most 9 digits before the decimal point and 6 after it';
    throw new InvalidArgumentError(`It must be ${what}, with ${digits}.`);
  }
  return Number(text);
}

function numbers(text: string): number[] {
  return text.split(',').map((item) => number(item, 'numbers, such as 2,5,10'));
}

function ramp(text: string): { fromRate: number; toRate: number } {
  const what = 'two numbers, such as 100:2000';
  const [from = '', to = '', ...others] = text.split(':');
  if (others.length > 0) throw new InvalidArgumentError(`It must be ${what}.`);
  return { fromRate: number(from, what), toRate: number(to, what) };
}
