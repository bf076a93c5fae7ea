// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Crowd, range } from '../support/crowd.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import {
  endServiceProcesses,
  patience,
  runToEnd,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';

const claimRoute = 'POST /api/coupons/claim';
// Longer than any test: with a silent collector only the service's own limit ends the last attempt to send spans.
const sendForever = {
  OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
  OTEL_BSP_EXPORT_TIMEOUT: '600000',
};

let folder: string;
let receiver: OtlpReceiver;
let crowd: Crowd;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'firstcome-traces-'));
  receiver = await OtlpReceiver.start();
  crowd = new Crowd({ connectionsMax: 40 });
});

afterEach(async () => {
  crowd.close();
  await endServiceProcesses();
  await receiver.stop();
  rmSync(folder, { recursive: true, force: true });
});

const environment = (env: Record<string, string>) => ({ DATA_DIR: join(folder, 'data'), ...env });

async function stop(service: ServiceProcess): Promise<void> {
  crowd.close();
  service.signal('SIGTERM');
  expect(await service.ended(), service.output()).toMatchObject({ code: 0 });
}

/** The packages of OpenTelemetry of which a process has run any code, according to Node's own coverage. */
async function packagesLoaded(env: Record<string, string>): Promise<string[]> {
  const coverage = join(folder, `coverage-${Object.keys(env).length}`);
  const service = await startServiceProcess(environment({ ...env, NODE_V8_COVERAGE: coverage }));
  await crowd.createCoupon(service.url, `COUPON-${Object.keys(env).length}`, 1);
  await stop(service);
  const urls = readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8'));
    return (result as { url: string }[]).map(({ url }) => url);
  });
  expect(urls.some((url) => url.includes('/node_modules/fastify/'))).toBe(true);
  const names = urls.map((url) => /node_modules\/(@opentelemetry\/[^/]+)/.exec(url)?.[1]);
  const ours = urls.filter((url) => url.includes('adapters/opentelemetry/')).map(() => 'ours');
  return [...new Set([...names, ...ours])].filter((name) => name !== undefined).sort();
}

describe('tracing', () => {
  it('loads nothing unless a collector is configured', async () => {
    // The metrics library loads the API.
    expect(await packagesLoaded({})).toEqual(['@opentelemetry/api']);
    const all = await packagesLoaded({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    expect(all).toEqual(expect.arrayContaining(['@opentelemetry/sdk-trace-base', 'ours']));
  });

  it('is done by each worker on its own', async () => {
    const service = await startServiceProcess(
      environment({
        ...{ ...patience, WORKERS: '2', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
        OTEL_BSP_SCHEDULE_DELAY: '100',
      }),
    );
    const processes = () =>
      new Set(receiver.named(claimRoute).map(({ resource }) => resource['service.instance.id']));
    await crowd.createCoupon(service.url, 'CROWD', 50);
    let sent = 0;
    const claimOnNewConnections = async () => {
      crowd.close();
      const users = range(100).map((user) => `user-${sent + user}`);
      sent += users.length;
      await Promise.all(
        users.map((userId) => crowd.claim(service.url, { couponName: 'CROWD', userId })),
      );
    };
    // A busy worker accepts no connection, and the other one gets them all.
    await waitFor(
      'traces of both',
      async () => {
        await claimOnNewConnections();
        return processes().size >= 2;
      },
      { timeoutMs: 120_000, everyMs: 200 },
    );
    await stop(service);
    expect(receiver.named(claimRoute)).toHaveLength(sent);
    expect(processes().size).toBe(2);
  });

  it('logs the trace id with the request', async () => {
    const service = await startServiceProcess(
      environment({ LOG_LEVEL: 'debug', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }),
    );
    const answer = await fetch(`${service.url}/api/coupons/NONE`);
    const problem = (await answer.json()) as { instance: string; trace_id: string };
    const unreadable = await fetch(`${service.url}/api/coupons/%zz`);
    const { trace_id: unreadableId } = (await unreadable.json()) as { trace_id: string };
    await crowd.createCoupon(service.url, 'SOME', 1);
    await stop(service);
    const events = service
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const answered = events.filter(({ msg }) => msg === 'request answered');
    expect(answered.map(({ requestId }) => `urn:request:${requestId}`)).toContain(problem.instance);
    expect(answered[0]?.trace_id).toBe(problem.trace_id);
    expect(answered[1]).toMatchObject({ status: 400, trace_id: unreadableId });
    expect(receiver.named('GET /api/coupons/:name')[0]?.traceId).toBe(problem.trace_id);
    const created = events.find(({ msg }) => msg === 'coupon created');
    expect(created?.trace_id).toBe(receiver.named('POST /api/coupons')[0]?.traceId);
  });

  it('uses the standard variables for the service name and the sampler', async () => {
    const service = await startServiceProcess(
      environment({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_SERVICE_NAME: 'drop',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=stage',
      }),
    );
    await crowd.createCoupon(service.url, 'SOME', 1);
    await stop(service);
    expect(receiver.spans[0]?.resource).toMatchObject({
      ...{ 'service.name': 'drop', 'deployment.environment.name': 'stage' },
    });
    const taken = receiver.spans.length;
    const silent = await startServiceProcess(
      environment({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_TRACES_SAMPLER: 'always_off',
      }),
    );
    await crowd.createCoupon(silent.url, 'OTHER', 1);
    await stop(silent);
    expect(receiver.spans).toHaveLength(taken);
  });
});

describe('a variable of OpenTelemetry that is not understood', () => {
  it('is logged at the start, which also logs where traces are sent', async () => {
    const service = await startServiceProcess(
      environment({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_TRACES_SAMPLER: 'now_and_then',
        LOG_LEVEL: 'info',
      }),
    );
    expect(service.output()).toContain('now_and_then');
    expect(service.output()).toContain('is not understood and has no effect');
    expect(service.output()).toContain(`"traces":"${receiver.url}"`);
    await stop(service);
  });
});

describe('a collector that cannot be reached', () => {
  it.each(['refuses', 'is silent'])(
    'affects no claim when it %s, and is logged once',
    async (how) => {
      const open = new Set<{ destroy(): void }>();
      const collector = createServer((socket) => open.add(socket)).listen(0, '127.0.0.1');
      await waitFor('port', () => collector.address() ?? undefined);
      const { port } = collector.address() as { port: number };
      if (how === 'refuses') collector.close();
      const service = await startServiceProcess(
        environment({
          ...patience,
          ...sendForever,
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
          ...{ OTEL_BSP_SCHEDULE_DELAY: '100', OTEL_BSP_MAX_QUEUE_SIZE: '100' },
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50',
        }),
      );
      await crowd.createCoupon(service.url, 'CROWD', 100);
      const answers = await Promise.all(
        range(400).map((user) =>
          crowd.claim(service.url, { couponName: 'CROWD', userId: `user-${user}` }),
        ),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
      expect(answers.filter(({ status }) => status === 400)).toHaveLength(300);
      const linesOf = () => service.output().match(/traces cannot be sent/g)?.length;
      await waitFor('log line about the lost traces', linesOf);
      const more = await crowd.claim(service.url, { couponName: 'CROWD', userId: 'late' });
      expect(more.status).toBe(400);
      await stop(service);
      expect(linesOf()).toBe(1);
      for (const socket of open) socket.destroy();
      collector.close();
    },
  );
});

describe('a collector that is too slow', () => {
  it('loses spans, is logged once, and affects no claim', async () => {
    const service = await startServiceProcess(
      environment({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        ...{ OTEL_BSP_SCHEDULE_DELAY: '50', OTEL_BSP_MAX_QUEUE_SIZE: '10' },
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
      }),
    );
    const linesOf = () => service.output().match(/some spans are dropped/g)?.length;
    for (const couponName of ['FIRST', 'SECOND']) {
      let answer = () => {};
      receiver.held = new Promise((resolve) => {
        answer = resolve;
      });
      await crowd.createCoupon(service.url, couponName, 100);
      const claims = range(100).map((user) =>
        crowd.claim(service.url, { couponName, userId: `user-${user}` }),
      );
      const answers = await Promise.all(claims);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
      answer();
      // The packages log dropped spans when they accept the next one.
      const taken = receiver.named('GET /api/coupons/:name').length;
      await waitFor('span after the dropped ones', async () => {
        await crowd.send(service.url, { path: `/api/coupons/${couponName}` });
        return receiver.named('GET /api/coupons/:name').length > taken;
      });
      expect(linesOf()).toBe(1);
    }
    expect(service.output()).toMatch(/"reason":"Dropped \d+ spans/);
    await stop(service);
    expect(linesOf()).toBe(1);
  });
});

describe('a collector that requires a key', () => {
  const serveWith = (headers: string) =>
    startServiceProcess(
      environment({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        ...{ OTEL_EXPORTER_OTLP_HEADERS: headers, OTEL_BSP_SCHEDULE_DELAY: '50' },
        LOG_LEVEL: 'trace',
      }),
    );

  it('receives it, and it appears nowhere else', async () => {
    const service = await serveWith('authorization=Bearer%20hunter2,hunter3,x-key=%zzhunter4');
    await crowd.createCoupon(service.url, 'SOME', 1);
    await waitFor('spans', () => receiver.spans.length > 0);
    expect(receiver.headers.authorization).toBe('Bearer hunter2');
    expect(receiver.text).not.toContain('hunter');
    await stop(service);
    expect(service.output()).toContain('service started');
    expect(service.output()).not.toContain('hunter');
  });

  it('cannot be sent a key that is no valid header, and the log line does not contain it', async () => {
    const service = await serveWith('authorization=Bearer%20hunter2%0A');
    await crowd.createCoupon(service.url, 'SOME', 1);
    await waitFor('log line', () => service.output().includes('traces cannot be sent'));
    await stop(service);
    expect(service.output()).not.toContain('hunter');
  });
});

describe('packages that are not installed', () => {
  it('are named at the start, with what to do', async () => {
    const without = join(folder, 'without.mjs');
    const hooks = `export async function resolve(specifier, context, next) {
      if (specifier.startsWith('@opentelemetry/sdk-trace-base')) {
        const error = new Error("Cannot find package '@opentelemetry/sdk-trace-base' imported from here");
        throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
      }
      return next(specifier, context);
    }`;
    writeFileSync(
      without,
      `import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));`,
    );
    const { code, output } = await runToEnd(
      environment({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        NODE_OPTIONS: `--import ${pathToFileURL(without).href}`,
      }),
    );
    expect(code).not.toBe(0);
    expect(output).toContain('the package @opentelemetry/sdk-trace-base is not installed');
    expect(output).toContain('Install the optional dependencies');
    expect(output).not.toContain('    at ');
  });
});
