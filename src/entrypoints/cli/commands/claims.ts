// SPDX-License-Identifier: GPL-3.0-or-later
import { Argument, Command } from 'commander';
import {
  type ClaimsArguments,
  claimCalls,
  type Output,
  type Program,
  type Verdict,
} from '../program.ts';

/** `firstcome claims`: shows or changes one claim of a running service. */
export function claimsCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  return new Command('claims')
    .summary('show, confirm, release or redeem one claim')
    .description(
      'Shows or changes the claim of one user, by calls of a running service, and prints the claim ' +
        'as it is then. Sends ADMIN_API_KEY, or CLAIM_API_KEY if only that is set. A release of a ' +
        'confirmed claim needs the admin key. ' +
        'Exit code 0: done; 1: refused, or could not be run; 2: wrong usage; 3: the answer was lost ' +
        'and the claim may have changed.',
    )
    .addArgument(new Argument('<call>', 'what to do').choices(claimCalls))
    .argument('<coupon>', 'name of the coupon')
    .argument('<user>', 'id of the user')
    .option('--url <url>', 'URL of the service (default: HOST and PORT)')
    .option('--claim-id <id>', 'the claim to change (default: the live one, or the last one)')
    .option('--reason <text>', 'release: why, kept with the claim')
    .option('--final', 'release: the user can never claim this coupon again')
    .option('--idempotency-key <key>', 'redeem: a repeat with the same key is no second one')
    .option('--json', 'print the body of the answer as a line of JSON')
    .action(async (call, coupon, user, options: Options, command: Command) => {
      const mistake =
        nameMistake('coupon', coupon) ?? nameMistake('user', user) ?? mistakeIn(call, options);
      if (mistake !== undefined) command.error(`error: ${mistake}`);
      onVerdict(await program.claims({ ...options, call, coupon, user }, output));
    });
}

type Options = Omit<ClaimsArguments, 'call' | 'coupon' | 'user'>;

/** Such a name has no path of its own: HTTP clients resolve these segments before they send it. */
function nameMistake(what: 'coupon' | 'user', name: string): string | undefined {
  return ['', '.', '..'].includes(name)
    ? `the ${what} has the name ${JSON.stringify(name)}, which no ${what} can have`
    : undefined;
}

/** An option that does not go with the call would have no effect. */
function mistakeIn(
  call: ClaimsArguments['call'],
  { claimId, reason, final, idempotencyKey }: Options,
): string | undefined {
  if (call === 'show' && claimId !== undefined) return '--claim-id does not go with show';
  if (call !== 'release' && reason !== undefined) return '--reason goes with release only';
  if (call !== 'release' && final) return '--final goes with release only';
  if (call !== 'redeem' && idempotencyKey !== undefined) {
    return '--idempotency-key goes with redeem only';
  }
  return undefined;
}
