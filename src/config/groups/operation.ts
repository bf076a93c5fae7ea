// SPDX-License-Identifier: GPL-3.0-or-later
import { availableParallelism } from 'node:os';
import { durabilityMinima } from '../../core/health.ts';
import { isCollectorUrl } from '../formats.ts';
import { choice, flag, optionalText, wholeNumber, wholeNumberOrAuto } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The settings of the process: checks, workers, logging, traces and the stop. */
export const operationGroup = {
  heading: 'Operation',
  introduction: 'Logging, and how the service stops: see [operate.md](operate.md).',
  settings: {
    /** 0: the stock is never checked. */
    stockCheckIntervalMs: wholeNumber({
      variable: 'STOCK_CHECK_INTERVAL_MS',
      default: 1_000,
      min: 0,
      max: 3_600_000,
      unit: 'milliseconds',
      help: 'How often the service checks that the next portion of stock, claims and ledger agrees; 0: never.',
    }),
    unsafeDurability: flag({
      variable: 'UNSAFE_DURABILITY',
      default: false,
      help: 'Starts also on a database that can lose acknowledged claims, as for a test.',
    }),
    durabilityMin: choice({
      variable: 'DURABILITY_MIN',
      default: 'none',
      choices: durabilityMinima,
      help:
        'The least durability of a commit. While the database offers less, claims and all changes get 503, and a start waits. ' +
        'replicated: a standby must confirm, which the bundled PostgreSQL does not have.',
    }),
    /** Processes that serve; `auto` is resolved to their number. */
    workers: wholeNumberOrAuto({
      variable: 'WORKERS',
      default: 1,
      min: 1,
      max: 64,
      auto: availableParallelism,
      autoMeaning: 'one per core',
      help: 'Processes that share the port; each has the connections and limits set here.',
    }),
    logLevel: choice({
      variable: 'LOG_LEVEL',
      default: 'info',
      choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      help: 'The least severe messages that are logged.',
    }),
    /** Base URL of the collector; undefined: no traces. */
    otlpEndpoint: optionalText({
      variable: 'OTEL_EXPORTER_OTLP_ENDPOINT',
      isValid: isCollectorUrl,
      allowed: 'a URL of http:// or https:// without user, query, fragment or a final /v1/traces',
      help: 'Collector that traces are sent to, over HTTP at /v1/traces below it. Unset: no traces.',
    }),
    shutdown: {
      delayMs: wholeNumber({
        variable: 'SHUTDOWN_DELAY_MS',
        default: 0,
        min: 0,
        max: 600_000,
        unit: 'milliseconds',
        help: 'Time between reporting "not ready" and refusing connections.',
      }),
      timeoutMs: wholeNumber({
        variable: 'SHUTDOWN_TIMEOUT_MS',
        default: 4_000,
        min: 100,
        max: 600_000,
        unit: 'milliseconds',
        help: 'How long requests in hand may take to finish before they are cut off.',
      }),
    },
  },
} satisfies SettingGroup;
