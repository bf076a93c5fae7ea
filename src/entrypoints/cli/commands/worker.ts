// SPDX-License-Identifier: GPL-3.0-or-later
import { Argument, Command } from 'commander';
import type { Program } from '../program.ts';

/** `firstcome worker`: only the primary process of a service with several workers starts it. The help omits it. */
export function workerCommand(program: Program): Command {
  return new Command('worker')
    .addArgument(new Argument('<database>').choices(['bundled', 'external']))
    .arguments('<schema> <identity> <slot>')
    .action((kind: 'bundled' | 'external', schema: string, identity: string, slot: string) =>
      program.work({ kind, schema, identity, slot: Number(slot) }),
    );
}
