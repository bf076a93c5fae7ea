// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Real RabbitMQ servers for tests, on free ports of this machine. A start takes about 5 s.
 *
 *     describe.skipIf(!(await hasRabbitMq()))('...', () => {
 *       const rabbitMq = await startRabbitMq();
 *       const url = await rabbitMq.createVirtualHost();   // an AMQP_URL of its own, empty
 *       rabbitMq.freeze(); rabbitMq.resume();             // SIGSTOP, SIGCONT
 *       await rabbitMq.kill(); await rabbitMq.start();    // SIGKILL; the same port and data
 *       await rabbitMq.stopApp(); await rabbitMq.startApp();
 *       await rabbitMq.setMemoryAlarm(true);
 *       await rabbitMq.control('delete_queue', name, '--vhost', vhost);
 *       await rabbitMq.remove();
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import {
  controlCommand,
  findRabbitMq,
  type RabbitMqNode,
  type RabbitMqProgram,
  serverCommand,
} from './rabbitmq-program.ts';
import { signalIfExists } from './server-processes.ts';
import { createTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

export { hasRabbitMq } from './rabbitmq-program.ts';

const run = promisify(execFile);

const startMsMax = 120_000;
const controlMsMax = 60_000;
const portAttemptsMax = 5;

/** What a server is started with. */
export type RabbitMqOptions = {
  /** Lines of rabbitmq.conf, such as `['vm_memory_high_watermark.absolute = 100MB']`. */
  settings?: string[];
  /** The server listens with TLS on a second port, with these files. */
  tls?: { certFile: string; keyFile: string; caFile: string };
  /** The parent of its folder, instead of that for temporary files. */
  parent?: string | undefined;
};

type Ports = Record<'amqp' | 'tls' | 'distribution' | 'names', number>;

/** Where a server runs. */
export type RabbitMqPlace = { program: RabbitMqProgram; folder: string; ports: Ports };

/** Starts an empty server. Rejects with its output when it does not start. */
export async function startRabbitMq(options: RabbitMqOptions = {}): Promise<RabbitMqServer> {
  const program = await findRabbitMq();
  if (program === undefined) throw new Error('hasRabbitMq() is false: start no RabbitMQ');
  // Another program may take a port first: then it tries again.
  for (let attempt = 1; ; attempt += 1) {
    const folder = await createTemporaryFolder('rabbitmq', options.parent);
    const server = new RabbitMqServer({ program, folder, ports: await chooseFreePorts() });
    try {
      await server.writeFiles(options);
      await server.start();
      return server;
    } catch (error) {
      await server.remove();
      if (!/eaddrinuse/i.test(String(error)) || attempt === portAttemptsMax) throw error;
    }
  }
}

async function chooseFreePorts(): Promise<Ports> {
  const chosen = new Set<number>();
  while (chosen.size < 4) chosen.add(await freePort());
  const [amqp = 0, tls = 0, distribution = 0, names = 0] = chosen;
  return { amqp, tls, distribution, names };
}

/** A RabbitMQ of one node on its own ports. */
export class RabbitMqServer {
  readonly port: number;
  /** Listens only if the server was started with TLS. */
  readonly tlsPort: number;
  /** The `AMQP_URL` of the virtual host "/". */
  readonly url: string;
  readonly place: RabbitMqPlace;
  private readonly node: RabbitMqNode;
  private child: ChildProcess | undefined;
  /** The service of names of Erlang: without one of its own, the server would leave one behind. */
  private names: ChildProcess | undefined;

  constructor(place: RabbitMqPlace) {
    const { program, folder, ports } = place;
    this.place = place;
    this.port = ports.amqp;
    this.tlsPort = ports.tls;
    this.url = `amqp://guest:guest@127.0.0.1:${ports.amqp}`;
    this.node = {
      ...{ program, folder, container: basename(folder) },
      environment: environmentOf(folder, ports),
    };
  }

  /** Writes the configuration. */
  async writeFiles({ settings = [], tls }: RabbitMqOptions): Promise<void> {
    const { folder } = this.node;
    const lines = [
      ...[`listeners.tcp.1 = 127.0.0.1:${this.port}`, 'loopback_users = none'],
      // The folder may be small, and in memory.
      ...['disk_free_limit.absolute = 1MB', 'raft.wal_max_size_bytes = 32000000'],
      ...(tls === undefined
        ? []
        : [
            `listeners.ssl.1 = 127.0.0.1:${this.tlsPort}`,
            `ssl_options.cacertfile = ${tls.caFile}`,
            `ssl_options.certfile = ${tls.certFile}`,
            `ssl_options.keyfile = ${tls.keyFile}`,
          ]),
      ...settings,
    ];
    await writeFile(join(folder, 'rabbitmq.conf'), `${lines.join('\n')}\n`);
    await writeFile(join(folder, 'enabled_plugins'), '[].\n');
    const cookie = { flag: 'wx', mode: 0o400 };
    await writeFile(
      join(folder, '.erlang.cookie'),
      randomBytes(16).toString('hex').toUpperCase(),
      cookie,
    );
  }

  /** Starts it on its ports, with the data that it has. Resolves when it answers. */
  async start(): Promise<void> {
    await this.startNames();
    const [command, ...args] = serverCommand(this.node);
    const child = spawn(command, args, {
      ...{ env: this.environment(), stdio: ['ignore', 'pipe', 'pipe'] },
      // A group of its own, which gets the signals: the server is a child of a shell.
      detached: true,
    });
    this.child = child;
    process.once('exit', this.killNow);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-20_000);
      });
    }
    await waitFor(
      'answer of RabbitMQ',
      () => child.exitCode !== null || /completed with \d+ plugins/.test(output),
      { timeoutMs: startMsMax },
    ).catch(async (error: unknown) => {
      await this.kill();
      throw new Error(`RabbitMQ does not answer:\n${output}`, { cause: error });
    });
    if (child.exitCode !== null) throw new Error(`RabbitMQ does not start:\n${output}`);
  }

  /** The process that the server is a child of; undefined while it is stopped. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Runs `rabbitmqctl`. Resolves with its output, and rejects when it fails. */
  async control(...args: string[]): Promise<string> {
    const [command, ...before] = controlCommand(this.node);
    const { stdout } = await run(command, [...before, '--silent', ...args], {
      ...{ env: this.environment(), timeout: controlMsMax },
    });
    return stdout;
  }

  /** Creates an empty virtual host. Resolves with its `AMQP_URL`. */
  async createVirtualHost(name = `test-${randomBytes(6).toString('hex')}`): Promise<string> {
    await this.control('add_vhost', name);
    await this.control('set_permissions', '--vhost', name, 'guest', '.*', '.*', '.*');
    return `${this.url}/${encodeURIComponent(name)}`;
  }

  /** Stops the broker. Its process goes on, and refuses connections. */
  async stopApp(): Promise<void> {
    await this.control('stop_app');
  }

  /** Starts the broker after `stopApp`. Resolves when it answers. */
  async startApp(): Promise<void> {
    await this.control('start_app');
  }

  /** Raises or ends an alarm: while it lasts, the server reads nothing from connections that publish. */
  async setMemoryAlarm(isOn: boolean): Promise<void> {
    const watermark = isOn ? ['absolute', '1'] : ['0.8'];
    await this.control('set_vm_memory_high_watermark', ...watermark);
  }

  /** Suspends the server: connections stay open, and nothing is answered. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** Kills it, also while it is suspended. Its data stays. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || hasEnded(child)) return;
    const exited = once(child, 'exit');
    this.signal('SIGKILL');
    await exited;
    process.off('exit', this.killNow);
  }

  /** Kills it, and starts it again with its data. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Kills it, and removes its files. */
  async remove(): Promise<void> {
    await this.kill();
    const { names } = this;
    if (names !== undefined && !hasEnded(names)) {
      const exited = once(names, 'exit');
      names.kill('SIGKILL');
      await exited;
    }
    await removeTemporaryFolder(this.node.folder);
  }

  /** A process that ends early must leave no server behind. */
  private readonly killNow = (): void => {
    this.signal('SIGKILL');
    this.names?.kill('SIGKILL');
  };

  private async startNames(): Promise<void> {
    // A container has one of its own.
    if (this.names !== undefined || this.node.program.image !== undefined) return;
    const { names: port } = this.place.ports;
    this.names = spawn('epmd', ['-port', String(port), '-address', '127.0.0.1'], {
      stdio: 'ignore',
    });
    this.names.on('error', () => undefined);
    await waitFor('service of names', () => accepts(port));
  }

  private environment(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.node.environment };
  }

  private signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    const { program, container } = this.node;
    const { pid } = this.child ?? {};
    if (program.image === undefined) {
      if (pid !== undefined) signalIfExists(-pid, signal);
      return;
    }
    const words = { SIGSTOP: 'pause', SIGCONT: 'unpause', SIGKILL: 'kill' };
    execFileSync('docker', [words[signal], container], { stdio: 'ignore' });
  }
}

function environmentOf(folder: string, ports: Ports): Record<string, string> {
  return {
    // Erlang reads its cookie there.
    HOME: folder,
    ERL_EPMD_PORT: String(ports.names),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `${basename(folder).toLowerCase()}@localhost`,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    // Files of the machine must not have a say.
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'none.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    // The machine is shared: an idle scheduler sleeps at once.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none',
  };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (isOpen: boolean) => () => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', end(true)).once('error', end(false));
  });
}
