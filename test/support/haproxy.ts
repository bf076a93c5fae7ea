// SPDX-License-Identifier: GPL-3.0-or-later
/** The real balancer with the configuration that is shipped, on a free port of this machine. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { waitFor } from './wait-for.ts';

const run = promisify(execFile);
/** The path of the configuration that is shipped. */
export const balancerConfiguration = join(import.meta.dirname, '../../deploy/haproxy/haproxy.cfg');

/** The path of haproxy: as it is found, or as Debian's package brings it, where that may be installed. */
export function findHaproxy(): string | undefined {
  const found = onPath();
  if (found !== undefined || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return found;
  }
  const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const aptGet = (...args: string[]) =>
    execFileSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], options as object);
  try {
    aptGet('update');
    aptGet('install', '-y', '--no-install-recommends', 'haproxy');
  } catch {
    return undefined;
  }
  return onPath();
}

function onPath(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, 'haproxy')).find((path) => existsSync(path));
}

/** A balancer that runs. */
export type Balancer = { url: string; output(): string; stop(): Promise<void> };

const portAttemptsMax = 5;

/** What haproxy says of the configuration, warnings included. Rejects with it when it is not valid. */
export async function checkConfiguration(haproxy: string, urls: string[]): Promise<string> {
  const env = environment(urls, '127.0.0.1:1');
  const { stdout, stderr } = await run(haproxy, ['-c', '-f', balancerConfiguration], { env });
  return stdout + stderr;
}

/**
 * Starts it before three nodes, and resolves when it passes calls on. Another program may take its port first. It reads
 * the files `further` after its configuration, which by default is the shipped one. `env` sets variables of it.
 */
export async function startBalancer(
  haproxy: string,
  urls: string[],
  further: string[] = [],
  env: Record<string, string> = {},
  configuration = balancerConfiguration,
): Promise<Balancer> {
  for (let attempt = 1; ; attempt += 1) {
    const started = await tryStart(haproxy, urls, [configuration, ...further], env);
    if ('url' in started) return started;
    const isPortTaken = /cannot bind|Address already in use/i.test(started.output);
    if (!isPortTaken || attempt === portAttemptsMax) throw new Error(started.output);
  }
}

/** What it has said instead where it ends. */
async function tryStart(
  haproxy: string,
  urls: string[],
  configuration: string[],
  env: Record<string, string>,
): Promise<Balancer | { output: string }> {
  const place = `127.0.0.1:${await freePort()}`;
  const files = configuration.flatMap((path) => ['-f', path]);
  const child = spawn(haproxy, ['-db', ...files], { env: { ...environment(urls, place), ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = once(child, 'close');
  const url = `http://${place}`;
  await waitFor('balancer', async () => {
    if (child.exitCode !== null) return true;
    return (await fetch(`${url}/livez`)).ok;
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`the balancer passes nothing on:\n${output}`, { cause: error });
  });
  if (child.exitCode !== null) {
    await exited;
    return { output };
  }
  return {
    url,
    output: () => output,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function environment(urls: string[], bind: string): Record<string, string> {
  const nodes = urls.map((url, index) => [`NODE_${index + 1}`, new URL(url).host]);
  return { PATH: process.env.PATH ?? '', BALANCER_BIND: bind, ...Object.fromEntries(nodes) };
}
