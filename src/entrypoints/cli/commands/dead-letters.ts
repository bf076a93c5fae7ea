// SPDX-License-Identifier: GPL-3.0-or-later
import { Argument, Command, InvalidArgumentError } from 'commander';
import {
  type DeadLettersArguments,
  deadLetterCalls,
  type Output,
  type Program,
  type Verdict,
} from '../program.ts';

/** `firstcome dead-letters`: reads, redrives and discards queued claims that could not be decided. */
export function deadLettersCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  return new Command('dead-letters')
    .summary('list, show, redrive, discard or export dead letters')
    .description(
      'Works on the queued claims that could not be decided, by calls of a running service: ' +
        'redrive puts them into the queue again; discard ends their tickets as failed and removes ' +
        'them; export prints all as lines of JSON. redrive and discard only say what they would ' +
        'do, unless --yes is given. Sends ADMIN_API_KEY if it is set. ' +
        'Exit code 0: done; 1: refused, or could not be run; 2: wrong usage; 3: only a part is ' +
        'done, or the answer was lost.',
    )
    .addArgument(new Argument('<call>', 'what to do').choices(deadLetterCalls))
    .argument('[ids...]', 'show, redrive, discard: ids of dead letters')
    .option('--all', 'redrive, discard: all dead letters')
    .option('--yes', 'redrive, discard: do it')
    .option('--limit <count>', 'list: number of letters, the oldest first (default: 50)', count)
    .option('--url <url>', 'URL of the service (default: HOST and PORT)')
    .option('--json', 'print each letter, or the answer, as a line of JSON')
    .action(async (call, ids: string[], options: Options, command: Command) => {
      const given = toArguments(call, ids, options);
      if (typeof given === 'string') command.error(`error: ${given}`);
      else onVerdict(await program.deadLetters(given, output));
    });
}

type Options = { all?: boolean; yes?: boolean; limit?: number; url?: string; json?: boolean };

const limitDefault = 50;

/** The arguments, or the mistake in them. An option that does not go with the call would have no effect. */
function toArguments(
  call: DeadLettersArguments['call'],
  ids: readonly string[],
  { all, yes, limit, ...always }: Options,
): DeadLettersArguments | string {
  if (call === 'redrive' || call === 'discard') {
    if (limit !== undefined) return '--limit goes with list only';
    if (all === undefined && ids.length === 0) return `${call} needs ids, or --all`;
    if (all !== undefined && ids.length > 0) return `${call} takes either ids, or --all`;
    return { ...always, call, ids: all ? 'all' : ids, ...(yes !== undefined && { yes }) };
  }
  if (all !== undefined) return '--all goes with redrive and discard only';
  if (yes !== undefined) return '--yes goes with redrive and discard only';
  if (call !== 'list' && limit !== undefined) return '--limit goes with list only';
  return toReading(call, ids, always, limit ?? limitDefault);
}

function toReading(
  call: 'list' | 'show' | 'export',
  ids: readonly string[],
  always: Pick<Options, 'url' | 'json'>,
  limit: number,
): DeadLettersArguments | string {
  const [id] = ids;
  if (call === 'show') {
    return id === undefined || ids.length > 1 ? 'show needs one id' : { ...always, call, id };
  }
  if (id !== undefined) return `${call} takes no id; to see one letter use show`;
  if (call === 'list') return { ...always, call, limit };
  if (always.json) return 'export prints JSON in any case';
  return { ...always, call };
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d{1,6}$/.test(text) || value === 0) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 999999.');
  }
  return value;
}
