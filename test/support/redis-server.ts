// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Real Redis servers for tests, on free ports of this machine. Sentinels are in `redis-sentinels.ts`.
 *
 *     describe.skipIf(!(await hasRedis()))('...', () => {
 *       const redis = await startRedis();          // redis.url is a REDIS_URL
 *       redis.freeze(); redis.resume();            // SIGSTOP, SIGCONT
 *       await redis.stop(); await redis.start();   // on the same port, empty
 *       await redis.command('FLUSHALL');
 *       await redis.remove();
 */
import { freePort } from './free-port.ts';
import { RedisProcess } from './redis-process.ts';
import { findRedis, type RedisProgram } from './redis-program.ts';
import { createTemporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

export { hasRedis } from './redis-program.ts';

const portAttemptsMax = 5;

/** What a server is started with. */
export type RedisServerOptions = {
  /** Settings of redis.conf, such as `{ requirepass: 'secret', maxmemory: '2mb' }`. */
  settings?: Record<string, string>;
  /** The server listens with TLS only, with these files. */
  tls?: { certFile: string; keyFile: string; caFile: string };
};

/** Starts an empty Redis that stores nothing on disk. Rejects with its output when it does not start. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  return onFreePort('redis', async (place) => {
    const server = new RedisServer(place, options);
    await server.start();
    return server;
  });
}

/** Where a server runs. */
export type Place = { program: RedisProgram; folder: string; port: number };

/** Starts a server on a free port. Another program may take that first: then it tries again. */
export async function onFreePort<Server>(
  name: string,
  start: (place: Place) => Promise<Server>,
): Promise<Server> {
  const program = await findRedis();
  if (program === undefined) throw new Error('hasRedis() is false: start no Redis');
  for (let attempt = 1; ; attempt += 1) {
    const folder = await createTemporaryFolder(name);
    try {
      return await start({ program, folder, port: await freePort() });
    } catch (error) {
      if (!/Address already in use/.test(String(error)) || attempt === portAttemptsMax) throw error;
    }
  }
}

/** A Redis on one port. */
export class RedisServer {
  readonly port: number;
  /** Its URL, without user and password. */
  readonly url: string;
  private readonly process: RedisProcess;

  constructor({ port, ...place }: Place, { settings = {}, tls }: RedisServerOptions) {
    this.port = port;
    this.url = `${tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`;
    const all = {
      ...{ bind: '127.0.0.1', save: '', appendonly: 'no', dir: place.folder },
      ...(tls === undefined
        ? { port: String(port) }
        : {
            ...{ port: '0', 'tls-port': String(port), 'tls-auth-clients': 'no' },
            ...{ 'tls-cert-file': tls.certFile, 'tls-key-file': tls.keyFile },
            'tls-ca-cert-file': tls.caFile,
          }),
      ...settings,
    };
    this.process = new RedisProcess({
      ...place,
      args: Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
      client: {
        port,
        ...(settings.requirepass !== undefined && { password: settings.requirepass }),
        ...(tls !== undefined && { tls: { rejectUnauthorized: false } }),
      },
    });
  }

  /** Starts it again on its port, without data. Resolves when it answers. */
  start(): Promise<void> {
    return this.process.start();
  }

  /** Runs a command on a connection of its own, as the default user. */
  command(name: string, ...args: (string | number)[]): Promise<unknown> {
    return this.process.command(name, ...args);
  }

  /** Suspends the server: connections stay open, and nothing is answered. */
  freeze(): void {
    this.process.signal('SIGSTOP');
  }

  resume(): void {
    this.process.signal('SIGCONT');
  }

  /** Kills it, also while it is suspended. Its data is lost. */
  stop(): Promise<void> {
    return this.process.kill();
  }

  /** Makes it a replica of another server, and waits until it has the data. */
  async follow(primary: RedisServer): Promise<void> {
    await this.command('REPLICAOF', '127.0.0.1', primary.port);
    await waitFor('replica', async () =>
      String(await this.command('INFO', 'replication')).includes('master_link_status:up'),
    );
  }

  /** Kills it for good, and removes its files. */
  remove(): Promise<void> {
    return this.process.remove();
  }
}
