// SPDX-License-Identifier: GPL-3.0-or-later
import type { Tracing } from '../adapters/opentelemetry/tracing.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';

// A collector that is away is tried once more within this, and holds a stop up for no longer.
const exportMsMax = 2_000;

/**
 * Starts the tracing of this process; undefined, with nothing loaded, when no collector is configured. Rejects with a
 * `StartError` when the packages are not installed.
 */
export async function openTracing(
  { otlpEndpoint, shutdown }: Config,
  options: { version: string; warn(event: Record<string, unknown>, message: string): void },
): Promise<Tracing | undefined> {
  if (otlpEndpoint === undefined) return undefined;
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
