// SPDX-License-Identifier: GPL-3.0-or-later
import { hostname } from 'node:os';

const hostLengthMax = 200;

/** How this process is shown to operators: its host and its process id. */
export function nodeId(): string {
  return `${hostname().slice(0, hostLengthMax)}/${process.pid}`;
}
