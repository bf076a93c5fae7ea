// SPDX-License-Identifier: GPL-3.0-or-later
import dns from 'node:dns';
import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { shareUnderWay } from '../../../core/share-under-way.ts';

/** The driver calls it with a port and a host, or with the path of a Unix socket. */
type Connect = (portOrPath: number | string, host?: string) => net.Socket;

type Addresses = dns.LookupAddress[];

// A name that DNS knows is answered in a few milliseconds.
const lookupMsMax = 250;
const lastAddresses = new Map<string, Addresses>();

// A lookup takes one of two threads until DNS answers, and nothing can end it earlier. With one for each attempt, a name
// without an answer would take both, and no other name could be looked up.
const lookUp = shareUnderWay(async (host) => {
  // With the hint of a socket: no addresses of a family that this machine does not have.
  const found = await dns.promises.lookup(host, { all: true, hints: dns.ADDRCONFIG });
  lastAddresses.set(host, found);
  return found;
});

/** A DNS that gives no answer must not hold up a failover: then a name has the addresses that it had before. */
async function resolve(host: string): Promise<Addresses> {
  const found = lookUp(host);
  const last = lastAddresses.get(host);
  if (last === undefined) return await found;
  const isOver = new AbortController();
  const late = wait(lookupMsMax, last, { signal: isOver.signal });
  late.catch(() => undefined);
  try {
    return await Promise.race([found, late]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAI_AGAIN') return last;
    throw error;
  } finally {
    isOver.abort();
  }
}

const lookup: net.LookupFunction = (host, { all }, callback) => {
  resolve(host).then(
    (found) => {
      const [first] = found;
      if (all) callback(null, found);
      else callback(null, first?.address ?? '', first?.family);
    },
    (error) => callback(error, '', 0),
  );
};

/** A socket for the driver. All that look up the same name at the same time share one lookup. */
export function openSocket(): net.Socket {
  const socket = new net.Socket();
  const connect = socket.connect.bind(socket) as (options: net.SocketConnectOpts) => net.Socket;
  const connectByName: Connect = (port, host) =>
    host === undefined
      ? connect({ path: String(port) })
      : connect({ port: Number(port), host, lookup });
  return Object.assign(socket, { connect: connectByName });
}
