// SPDX-License-Identifier: GPL-3.0-or-later
import type { Tracing } from '../adapters/opentelemetry/tracing.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';

// An export to a collector that does not respond is repeated within this time, and delays a stop by no more.
const exportMsMax = 2_000;

/** The tracing of one process. The parts that trace something are absent when no collector is configured. */
export type ProcessTracing = Pick<Tracing, 'currentTraceId' | 'stop'> & Partial<Tracing>;

const noTracing: ProcessTracing = { currentTraceId: () => ({}), stop: async () => undefined };

/**
 * Starts the tracing of this process. Without a configured collector nothing is loaded and nothing is traced. Rejects
 * with a `StartError` when the packages are not installed.
 */
export async function openTracing(
  { otlpEndpoint, shutdown }: Config,
  options: { version: string; warn(event: Record<string, unknown>, message: string): void },
): Promise<ProcessTracing> {
  if (otlpEndpoint === undefined) return noTracing;
  const { startTracing } = await import('../adapters/opentelemetry/tracing.ts').catch(toStartError);
  return startTracing({
    ...options,
    endpoint: otlpEndpoint,
    exportTimeoutMs: Math.min(exportMsMax, shutdown.timeoutMs / 2),
  });
}

function toStartError(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  const missing = /'(@opentelemetry\/[\w-]+)/.exec(message)?.[1];
  if (code !== 'ERR_MODULE_NOT_FOUND' || missing === undefined) throw error;
  throw new StartError(
    `OTEL_EXPORTER_OTLP_ENDPOINT is set, but the package ${missing} is not installed\n` +
      'Install the optional dependencies (npm ci without --omit=optional), or unset the variable.',
  );
}
