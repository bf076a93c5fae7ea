// SPDX-License-Identifier: GPL-3.0-or-later
/** A TCP proxy in front of a database that delays, cuts or holds chosen messages. */
import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.ts';
import { waitFor } from './wait-for.ts';

/**
 * What happens to a connection that carries a chosen statement.
 * - `before`: it is cut before the statement reaches the database.
 * - `behind`: it is cut after the statement was passed on, so the database runs it without a client.
 * - `before_reply`: it is cut when the database answers, and the answer is lost.
 * - `silence`: it stays open, but no answer ever arrives.
 * - `late`: it is cut for the client at once, and the statement reaches the database after `lateMs`.
 * - `hold`: it stays open, and the answer arrives after `release`.
 */
export type Cut = 'before' | 'behind' | 'before_reply' | 'silence' | 'late' | 'hold';

/** The delay of pieces; later pieces wait behind a delayed one. */
export type Slowness = {
  /** Milliseconds for each piece of this direction. */
  delayMs: number;
  /** Undefined: without a limit. */
  bytesPerSecond?: number | undefined;
};

/** The direction of a piece. */
export type Direction = 'toServer' | 'toClient';

/** The connection that carries a piece. */
export type LinkInfo = {
  /** Its port as the database sees it: `client_port` in `pg_stat_activity`. */
  clientPort: number | undefined;
};

// The database may never answer a late statement, for example because it was stopped.
const lateAnswerMsMax = 1000;

type Link = {
  client: Socket;
  server: Socket;
  losesReply: boolean;
  silent: boolean;
  /** When the last delayed piece is passed on, by `performance.now`. */
  readonly freeAtMs: Record<Direction, number>;
};

/** Passes everything through until a test sets a fault. */
export class FaultProxy {
  /** Called for each piece that a client sends; returns the cut to make, if any. */
  cutWhen: (piece: Buffer) => Cut | undefined = () => undefined;
  /** Changes each piece that the database sends. */
  editReply: (piece: Buffer) => Buffer = (piece) => piece;
  /** Called after a cut has closed a connection. */
  afterCut: () => void = () => undefined;
  /** How slow a piece is; undefined lets it pass at once. */
  slowWhen: (piece: Buffer, direction: Direction, link: LinkInfo) => Slowness | undefined = () =>
    undefined;
  /** The delay of a statement with the cut `late`. */
  lateMs = 1000;
  /** How often each cut was made. */
  readonly cuts: Record<Cut, number> = {
    ...{ before: 0, behind: 0, before_reply: 0, silence: 0, late: 0, hold: 0 },
  };
  /** Late statements that the database has not answered yet. */
  lateUnanswered = 0;
  private target: { host: string; port: number };
  private listener: Server | undefined;
  private port = 0;
  private holeIsBlack = false;
  private readonly links = new Set<Link>();
  private readonly heldLinks = new Set<Link>();

  private constructor(target: { host: string; port: number }) {
    this.target = target;
  }

  /** Starts a proxy in front of the server that the URL leads to. */
  static async before(databaseUrl: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(addressOf(databaseUrl));
    await proxy.accept();
    return proxy;
  }

  /** The number of open connections. */
  get openLinks(): number {
    return this.links.size;
  }

  /** The connections that are held and still open. */
  get held(): LinkInfo[] {
    return [...this.heldLinks].map(infoOf);
  }

  /** Passes the held answers on. */
  release(): void {
    for (const { server } of this.heldLinks) server.resume();
    this.heldLinks.clear();
  }

  /** The URL of a database of the same server, through the proxy. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /** Leads new connections to this server. */
  leadTo(databaseUrl: string): void {
    this.target = addressOf(databaseUrl);
  }

  /** Keeps connections open and passes nothing; connections of that time stay silent afterwards. */
  blackHole(isBlack: boolean): void {
    this.holeIsBlack = isBlack;
    if (isBlack) for (const link of this.links) link.silent = true;
  }

  /** Passes everything through again; connections that are cut or silent stay so. */
  heal(): void {
    this.cutWhen = () => undefined;
    this.slowWhen = () => undefined;
    this.editReply = (piece) => piece;
    this.afterCut = () => undefined;
    this.blackHole(false);
  }

  /** Closes all connections and refuses new ones until `accept`. */
  async refuse(): Promise<void> {
    const listener = this.listener;
    this.listener = undefined;
    const closed = listener && once(listener, 'close');
    listener?.close();
    this.breakAll();
    await closed;
  }

  /**
   * Accepts connections, always on the same port. Other tests look for free ports by listening on them for a moment, so a
   * port that is taken is tried again.
   */
  async accept(): Promise<void> {
    if (this.listener !== undefined) return;
    const listener = createServer((client) => this.connect(client));
    this.listener = listener;
    const hasPort = this.port !== 0;
    await waitFor('free port of the proxy', async () => {
      // Not a port of the range for outgoing connections, which one of them could take while the proxy refuses.
      if (!hasPort) this.port = await freePort();
      listener.listen(this.port, '127.0.0.1');
      await once(listener, 'listening');
      return true;
    });
  }

  /** Closes all connections at once, and still accepts new ones. */
  breakAll(): void {
    for (const link of this.links) this.break(link);
  }

  async stop(): Promise<void> {
    await this.refuse();
  }

  private connect(client: Socket): void {
    const server = dial(this.target);
    const freeAtMs = { toServer: 0, toClient: 0 };
    const link: Link = { client, server, losesReply: false, silent: this.holeIsBlack, freeAtMs };
    this.links.add(link);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (piece: Buffer) => this.onPiece(link, piece));
    server.on('data', (piece: Buffer) => {
      if (link.silent) return;
      if (link.losesReply) this.cut(link);
      else this.pass(link, 'toClient', this.editReply(piece));
    });
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        // A black hole hides from the client that the server has closed.
        if (!link.silent || socket === client) this.break(link);
      });
    }
  }

  private onPiece(link: Link, piece: Buffer): void {
    if (link.silent) return;
    const cut = this.cutWhen(piece);
    if (cut !== undefined) this.cuts[cut] += 1;
    if (cut === 'before') {
      this.cut(link);
      return;
    }
    if (cut === 'late') {
      this.deliverLate(link, piece);
      return;
    }
    link.losesReply ||= cut === 'before_reply';
    link.silent ||= cut === 'silence';
    if (cut === 'hold') {
      link.server.pause();
      this.heldLinks.add(link);
    }
    this.pass(link, 'toServer', piece, () => {
      if (cut === 'behind') this.cut(link);
    });
  }

  private deliverLate(link: Link, piece: Buffer): void {
    const { client, server } = link;
    // From now on the two sides are independent.
    link.silent = true;
    this.links.delete(link);
    client.removeAllListeners('close');
    client.destroy();
    this.lateUnanswered += 1;
    server.once('close', () => {
      this.lateUnanswered -= 1;
    });
    this.afterCut();
    setTimeout(() => {
      server.write(piece);
      server.once('data', () => server.destroy());
      setTimeout(() => server.destroy(), lateAnswerMsMax);
    }, this.lateMs);
  }

  private pass(
    link: Link,
    direction: Direction,
    piece: Buffer,
    onPassed: () => void = () => undefined,
  ): void {
    const socket = direction === 'toServer' ? link.server : link.client;
    const nowMs = performance.now();
    const { delayMs = 0, bytesPerSecond } = this.slowWhen(piece, direction, infoOf(link)) ?? {};
    const beginMs = Math.max(nowMs, link.freeAtMs[direction]);
    const takesMs = delayMs + (bytesPerSecond ? (piece.length * 1000) / bytesPerSecond : 0);
    if (beginMs + takesMs <= nowMs) {
      socket.write(piece, onPassed);
      return;
    }
    link.freeAtMs[direction] = beginMs + takesMs;
    setTimeout(() => socket.write(piece, onPassed), beginMs + takesMs - nowMs);
  }

  private cut(link: Link): void {
    this.break(link);
    this.afterCut();
  }

  private break(link: Link): void {
    this.links.delete(link);
    this.heldLinks.delete(link);
    link.client.destroy();
    link.server.destroy();
  }
}

/** Random numbers from 0 to 1 that are the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function infoOf({ server }: Link): LinkInfo {
  return { clientPort: server.localPort };
}

function addressOf(databaseUrl: string): { host: string; port: number } {
  const { hostname, port } = new URL(databaseUrl);
  return { host: hostname, port: Number(port || 5432) };
}
