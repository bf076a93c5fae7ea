// SPDX-License-Identifier: GPL-3.0-or-later
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { uuidRule } from '../../../core/input-rules.ts';
import { sagaStates } from '../../../core/sagas/saga.ts';
import {
  type Output,
  type Program,
  type SagasArguments,
  sagaCalls,
  type Verdict,
} from '../program.ts';

/** `firstcome sagas`: lists and shows sagas of a running service, and decides on those that need attention. */
export function sagasCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  return new Command('sagas')
    .summary('list, show, retry or resolve sagas')
    .description(
      'Shows the sagas of claims, by calls of a running service, and decides on a saga that needs ' +
        'attention: retry lets it go on where it stopped; resolve ends it without a further call, ' +
        'as it is by now at its participants. Sends ADMIN_API_KEY if it is set. ' +
        'Exit code 0: done; 1: refused, or could not be run; 2: wrong usage; 3: the answer was lost ' +
        'and the saga may have changed.',
    )
    .addArgument(new Argument('<call>', 'what to do').choices(sagaCalls))
    .argument('[id]', 'show, retry, resolve: id of the saga')
    .option('--url <url>', 'URL of the service (default: HOST and PORT)')
    .addOption(
      new Option('--state <state...>', 'list: states, by default every state').choices(sagaStates),
    )
    .option('--limit <count>', 'list: number of sagas, the oldest first (default: 50)', count)
    .addOption(
      new Option('--as <end>', 'resolve: what is true by now').choices(['done', 'compensated']),
    )
    .option('--note <text>', 'resolve: how you know; it is kept in the operator log')
    .option('--json', 'print each saga, or the answer, as a line of JSON')
    .action(async (call, id: string | undefined, options: Options, command: Command) => {
      const given = toArguments(call, id, options);
      if (typeof given === 'string') command.error(`error: ${given}`);
      else onVerdict(await program.sagas(given, output));
    });
}

type Options = {
  url?: string;
  state?: string[];
  limit?: number;
  as?: 'done' | 'compensated';
  note?: string;
  json?: boolean;
};

const uuid = new RegExp(uuidRule.pattern);
const limitDefault = 50;

/** The arguments, or the mistake in them. An option that does not go with the call would have no effect. */
function toArguments(
  call: SagasArguments['call'],
  id: string | undefined,
  { state, limit, as, note, ...always }: Options,
): SagasArguments | string {
  if (call !== 'list' && state !== undefined) return '--state goes with list only';
  if (call !== 'list' && limit !== undefined) return '--limit goes with list only';
  if (call !== 'resolve' && as !== undefined) return '--as goes with resolve only';
  if (call !== 'resolve' && note !== undefined) return '--note goes with resolve only';
  if (call === 'list') {
    if (id !== undefined) return 'list takes no id; to see one saga use show';
    return { ...always, call, states: state ?? [], limit: limit ?? limitDefault };
  }
  if (id === undefined) return `${call} needs the id of a saga; firstcome sagas list shows them`;
  if (!uuid.test(id)) {
    return `${JSON.stringify(id)} is no id of a saga; firstcome sagas list shows them`;
  }
  if (call !== 'resolve') return { ...always, call, id };
  if (as === undefined) return 'resolve needs --as done or --as compensated';
  if (note === undefined || note === '') return 'resolve needs --note with how you know';
  return { ...always, call, id, as, note };
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d{1,6}$/.test(text) || value === 0) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 999999.');
  }
  return value;
}
