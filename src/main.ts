#!/usr/bin/env -S node --max-semi-space-size=32 --no-allocation-site-pretenuring
// SPDX-License-Identifier: GPL-3.0-or-later
import { createProgram } from './app/program.ts';
import { runCli } from './entrypoints/cli/cli.ts';

process.exitCode = await runCli(process.argv.slice(2), createProgram());
