// SPDX-License-Identifier: GPL-3.0-or-later
import { Command, InvalidArgumentError } from 'commander';
import type { DrillArguments, Output, Program, Verdict } from '../program.ts';

/** `firstcome drill`: sends a crowd at a service, writes down what each client saw, and has it judged. */
export function drillCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  return new Command('drill')
    .summary('send a crowd at a service and judge the answers')
    .description(
      'Sends a crowd at a running service, writes down what each client saw, and audits ' +
        'that against the database: DATABASE_URL, or the bundled PostgreSQL in DATA_DIR while ' +
        'it runs here. The coupons that it creates stay. Exit code 0: passed; 1: failed, or ' +
        'could not be run; 2: wrong usage; 3: unknown.',
    )
    .argument('<scenario>', 'what to play; see below')
    .option(
      '--url <url>',
      'where the service answers; again for each further node (default: HOST and PORT)',
      (url: string, before: string[] = []) => [...before, url],
    )
    .option('--seed <number>', 'equal seeds plan equal arrivals', wholeNumber, 1)
    .option('--users <count>', 'users who come', wholeNumber)
    .option('--units <count>', 'units of the coupon', wholeNumber)
    .option('--rate <number>', 'arrivals a second, whether or not answers come', oneNumber)
    .option('--ramp <from:to>', 'arrivals a second at the start and at the end', ramp)
    .option('--times <list>', 'loads of overload, in multiples of what it can take', numbers)
    .option('--seconds <number>', 'how long users arrive', oneNumber)
    .option('--connections <count>', 'connections to all nodes together', wholeNumber)
    .option('--timeout <ms>', 'how long a client waits for an answer', wholeNumber)
    .option('--coupon <name>', 'name of the coupon, which must be new')
    .option('--history <file>', 'where to write what the clients saw, anew', 'drill.jsonl')
    .option('--json <file>', 'where to write a report for programs')
    .option('--html <file>', 'where to write a report with plots')
    .option(
      '--faults <file>',
      'what was broken on purpose meanwhile, read in the end; `firstcome audit --help` tells more',
    )
    .option('--no-audit', 'leave the judging to `firstcome audit`')
    .addHelpText(
      'after',
      () =>
        `\nScenarios:\n${scenariosHelp(program.scenarios)}\nWhere users, units and rate are not told, the scenario chooses.`,
    )
    .action(async (scenario: string, options: DrillFlags) => {
      const { url, timeout, json, html, ...others } = options;
      const verdict = await program.drill(
        {
          ...{ ...others, scenario },
          ...(url !== undefined && { urls: url }),
          ...(timeout !== undefined && { timeoutMs: timeout }),
          ...(json !== undefined && { jsonReport: json }),
          ...(html !== undefined && { htmlReport: html }),
        },
        output,
      );
      onVerdict(verdict);
    });
}

function scenariosHelp(scenarios: Program['scenarios']): string {
  const entries = Object.entries(scenarios);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, plays]) => `  ${name.padEnd(width)}  ${plays}\n`).join('');
}

type DrillFlags = Omit<DrillArguments, 'scenario' | 'urls' | 'timeoutMs'> & {
  url?: string[];
  timeout?: number;
  json?: string;
  html?: string;
};

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function oneNumber(text: string): number {
  return number(text, 'a number');
}

function number(text: string, what: string): number {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) throw new InvalidArgumentError(`It must be ${what}.`);
  return Number(text);
}

function numbers(text: string): number[] {
  return text.split(',').map((part) => number(part, 'numbers, such as 2,5,10'));
}

function ramp(text: string): { fromRate: number; toRate: number } {
  const what = 'two numbers, such as 100:2000';
  const [from = '', to = '', ...others] = text.split(':');
  if (others.length > 0) throw new InvalidArgumentError(`It must be ${what}.`);
  return { fromRate: number(from, what), toRate: number(to, what) };
}
