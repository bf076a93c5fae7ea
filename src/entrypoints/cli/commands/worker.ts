// SPDX-License-Identifier: GPL-3.0-or-later
import { Argument, Command } from 'commander';
import type { Program } from '../program.ts';

/** `firstcome worker`: what the primary of a service with several workers starts; not for people, and not in the help. */
export function workerCommand(program: Program): Command {
  return new Command('worker')
    .addArgument(new Argument('<database>').choices(['bundled', 'external']))
    .arguments('<schema> <identity>')
    .action((kind: 'bundled' | 'external', schema: string, identity: string) =>
      program.work({ kind, schema, identity }),
    );
}
