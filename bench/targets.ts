// SPDX-License-Identifier: GPL-3.0-or-later
/** Starts the targets of a run. Each has its own process and, where it stores claims, its own database. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import type { CleanUp } from './clean-up.ts';
import { compiled } from './compile.ts';
import type { BenchDatabase, DatabaseServer } from './database-server.ts';
import { type Launched, launch } from './processes.ts';
import { startRedisServer } from './redis-server.ts';
import { nameOf, type TargetSpec } from './results.ts';
import { median } from './statistics.ts';

const root = join(import.meta.dirname, '..');
/** The URL of the folder of the build, for programs that load its modules. */
export const builtService = pathToFileURL(join(root, 'dist/')).href;
const ready = /serves on (http:\S+)/;

/** With more connections the transactions of the usual design only wait for the lock of the coupon's row. */
export const usualPoolDefault = 8;

/** A running target. */
export type Target = {
  spec: TargetSpec;
  /** The URL of its service; undefined for pgbench and for the engine without HTTP, which need no service. */
  url: string | undefined;
  pid: number | undefined;
  database: BenchDatabase | undefined;
  /** Undefined without a proxy. */
  proxyPid: number | undefined;
  /** The measured delay, which exceeds the configured one a little; undefined without a proxy. */
  addedRoundTripMs: number | undefined;
  /** The collector that receives its traces; undefined when it sends none. */
  tracesUrl: string | undefined;
  stop(): Promise<void>;
};

/** The message for a missing build; undefined when the service is built. */
export function missingBuild(): string | undefined {
  return existsSync(join(root, 'dist/main.js'))
    ? undefined
    : 'the service is not built: run "npm run build", or start the bench with npm run';
}

/** Whether a source file is newer than the build. */
export function buildIsOld(): boolean {
  const newest = (folder: string, pattern: RegExp) =>
    Math.max(
      ...readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((file) => file.isFile() && pattern.test(file.name))
        .map((file) => statSync(join(file.parentPath, file.name)).mtimeMs),
    );
  return newest('src', /(?<!\.test)\.(?:ts|sql)$/) > newest('dist', /\.(?:js|sql|tsbuildinfo)$/);
}

/** Starts a target on its database. */
export async function startTarget(
  spec: TargetSpec,
  options: {
    database: BenchDatabase | undefined;
    usualPoolMax?: number;
    /** Further settings of the service. */
    settings?: Record<string, string>;
  },
  cleanUp: CleanUp,
): Promise<Target> {
  const { database, usualPoolMax = usualPoolDefault, settings = {} } = options;
  if (spec.kind === 'pgbench' || spec.kind === 'engine without HTTP') {
    return {
      ...{ spec, database, url: undefined, pid: undefined },
      ...{ proxyPid: undefined, addedRoundTripMs: undefined, tracesUrl: undefined },
      stop: async () => undefined,
    };
  }
  const proxy =
    database && spec.roundTripMs !== undefined
      ? await startProxy(database.url, spec.roundTripMs, cleanUp)
      : undefined;
  const receiver = spec.traced ? await startTraceReceiver(cleanUp) : undefined;
  const redis = spec.cachesReads ? await startRedisServer(cleanUp) : undefined;
  const databaseUrl = proxy?.url ?? database?.url;
  const service = await launch(
    {
      args: programOf(spec, cleanUp),
      env: {
        PORT: '0',
        LOG_LEVEL: 'warn',
        BUILT_SERVICE: builtService,
        ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
        ...(receiver && { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.readyValue, ...sampler() }),
        ...(redis && { REDIS_URL: redis.url, STOCK_CACHE_MAX_AGE_MS: '1000' }),
        ...(spec.kind === 'usual design' && { POOL_MAX: String(usualPoolMax) }),
        ...settings,
      },
      ready,
    },
    cleanUp,
  );
  return {
    ...{ spec, database, url: service.readyValue, pid: service.pid },
    ...{ proxyPid: proxy?.process.pid, addedRoundTripMs: proxy?.addedRoundTripMs },
    tracesUrl: receiver?.readyValue,
    async stop() {
      await service.stop();
      await proxy?.process.stop();
      await receiver?.stop();
    },
  };
}

/** The sampler of the traces: all requests, unless the standard environment variables say otherwise. */
function sampler(): Record<string, string> {
  const { OTEL_TRACES_SAMPLER: kind, OTEL_TRACES_SAMPLER_ARG: share = '' } = process.env;
  return kind === undefined ? {} : { OTEL_TRACES_SAMPLER: kind, OTEL_TRACES_SAMPLER_ARG: share };
}

function programOf(spec: TargetSpec, cleanUp: CleanUp): string[] {
  const target = (name: string) => [...nodeFlags(), compiled(`targets/${name}.ts`, cleanUp)];
  switch (spec.kind) {
    case 'firstcome':
      return [...nodeFlags(), join(root, 'dist/main.js'), 'serve'];
    case 'usual design':
      return target('usual-design');
    case 'bare route':
      return target('bare-route');
    default:
      return target('empty-handler');
  }
}

/** Creates the database of a target; undefined when the target stores nothing. */
export async function createDatabaseFor(
  spec: TargetSpec,
  server: DatabaseServer,
): Promise<BenchDatabase | undefined> {
  if (spec.kind === 'empty handler' || spec.kind === 'bare route') return undefined;
  const database = await server.createDatabase(nameOf(spec));
  // The engine creates its tables when it starts.
  if (spec.kind === 'usual design' || spec.kind === 'pgbench') {
    await database.query(readFileSync(join(import.meta.dirname, 'usual-design.sql'), 'utf8'));
  }
  return database;
}

function startTraceReceiver(cleanUp: CleanUp): Promise<Launched> {
  const args = [compiled('trace-receiver.ts', cleanUp)];
  return launch({ args, ready: /receives on (http:\S+)/ }, cleanUp);
}

async function startProxy(
  databaseUrl: string,
  roundTripMs: number,
  cleanUp: CleanUp,
): Promise<{ url: string; process: Launched; addedRoundTripMs: number }> {
  const far = new URL(databaseUrl);
  const near = { host: far.hostname, port: far.port || '5432' };
  const process = await launch(
    {
      args: [compiled('delay-proxy.ts', cleanUp), ...[near.host, near.port, String(roundTripMs)]],
      ready: /proxy on (\d+)/,
    },
    cleanUp,
  );
  far.hostname = '127.0.0.1';
  far.port = process.readyValue;
  const addedRoundTripMs = (await roundTripOf(far.href)) - (await roundTripOf(databaseUrl));
  return { url: far.href, process, addedRoundTripMs };
}

async function roundTripOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const times: number[] = [];
    for (let count = 0; count < 300; count += 1) {
      const startedMs = performance.now();
      await client.query({ name: 'ping', text: 'select 1' });
      times.push(performance.now() - startedMs);
    }
    return median(times.slice(100)) ?? 0;
  } finally {
    await client.end();
  }
}

/** The Node flags in the first line of the executable. All targets run with them. */
export function nodeFlags(): string[] {
  const [first = ''] = readFileSync(join(root, 'dist/main.js'), 'utf8').split('\n', 1);
  return first.split(' ').filter((word) => word.startsWith('--'));
}
