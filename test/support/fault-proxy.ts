// SPDX-License-Identifier: GPL-3.0-or-later
/** A TCP proxy in front of a database that slows and loses what it is told to, at the worst moments there are. */
import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';

/**
 * What happens to a connection that carries a chosen statement.
 * - `before`: it breaks before the statement reaches the database.
 * - `behind`: it breaks when the statement has been passed on, so the database works on for nobody.
 * - `before_reply`: it breaks when the database has answered, and the answer does not get through.
 * - `silence`: it stays open, but no answer ever gets through.
 * - `late`: it breaks for the client at once, and the statement reaches the database after `lateMs`.
 * - `hold`: it stays open, and the answer gets through at `release`.
 */
export type Cut = 'before' | 'behind' | 'before_reply' | 'silence' | 'late' | 'hold';

/** How long pieces are held back; what comes behind a piece waits with it. */
export type Slowness = {
  /** Milliseconds for each piece of this direction. */
  delayMs: number;
  /** Undefined: as fast as it goes. */
  bytesPerSecond?: number | undefined;
};

/** Which way a piece goes. */
export type Direction = 'toServer' | 'toClient';

/** Which connection a piece goes over. */
export type LinkPlace = {
  /** The port by which the database knows it: `client_port` in `pg_stat_activity`. */
  clientPort: number | undefined;
};

// Long enough for a statement that came late to be decided.
const lateEndMs = 1000;
const portAttemptsMax = 20;

type Link = {
  client: Socket;
  server: Socket;
  losesReply: boolean;
  silent: boolean;
  /** When the last piece that was held back is passed on, by `performance.now`. */
  readonly freeAtMs: Record<Direction, number>;
};

/** Passes everything through until it is told otherwise. */
export class FaultProxy {
  /** Called for each piece that a client sends; what it returns happens to the connection. */
  cutWhen: (piece: Buffer) => Cut | undefined = () => undefined;
  /** Changes what the database sends, piece by piece. */
  editReply: (piece: Buffer) => Buffer = (piece) => piece;
  /** Called when a connection was broken by a cut. */
  afterCut: () => void = () => undefined;
  /** How slow a piece is; undefined lets it pass at once. */
  slowWhen: (piece: Buffer, direction: Direction, link: LinkPlace) => Slowness | undefined = () =>
    undefined;
  /** When a statement arrives that is cut off `late`. */
  lateMs = 1000;
  /** How often each cut was made. */
  readonly cuts: Record<Cut, number> = {
    ...{ before: 0, behind: 0, before_reply: 0, silence: 0, late: 0, hold: 0 },
  };
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
    const proxy = new FaultProxy(placeOf(databaseUrl));
    await proxy.accept();
    return proxy;
  }

  /** Connections that are open now. */
  get openLinks(): number {
    return this.links.size;
  }

  /** The connections that are held, and that nobody has given up. */
  get held(): LinkPlace[] {
    return [...this.heldLinks].map(placeOfLink);
  }

  /** Lets the answers through that were held. */
  release(): void {
    for (const { server } of this.heldLinks) server.resume();
    this.heldLinks.clear();
  }

  /** The URL of a database of the same server, by way of the proxy. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /** New connections lead to this server from now on. */
  leadTo(databaseUrl: string): void {
    this.target = placeOf(databaseUrl);
  }

  /** Keeps connections open and lets nothing through; those that it met stay dead when it ends. */
  blackHole(isBlack: boolean): void {
    this.holeIsBlack = isBlack;
    if (isBlack) for (const link of this.links) link.silent = true;
  }

  /** Passes everything through again; what is broken or silent stays so. */
  heal(): void {
    this.cutWhen = () => undefined;
    this.slowWhen = () => undefined;
    this.editReply = (piece) => piece;
    this.afterCut = () => undefined;
    this.blackHole(false);
  }

  /** Breaks all connections and refuses new ones until `accept`. */
  async refuse(): Promise<void> {
    const listener = this.listener;
    this.listener = undefined;
    const closed = listener && once(listener, 'close');
    listener?.close();
    this.breakAll();
    await closed;
  }

  /** Takes connections, on the same port as ever. */
  async accept(): Promise<void> {
    if (this.listener !== undefined) return;
    const listener = createServer((client) => this.connect(client));
    this.listener = listener;
    const hasPort = this.port !== 0;
    for (let attempt = 1; ; attempt += 1) {
      // No port for outgoing connections: one of these would take it while the proxy refuses.
      if (!hasPort) this.port = await chooseFreePort();
      listener.listen(this.port, '127.0.0.1');
      try {
        await once(listener, 'listening');
        return;
      } catch (error) {
        if (hasPort || attempt === portAttemptsMax) throw error;
      }
    }
  }

  /** Breaks all connections at once; new ones are taken. */
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
        // In a black hole nobody learns that the other side is gone.
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
    // From now on the server's side is on its own.
    link.silent = true;
    this.links.delete(link);
    client.removeAllListeners('close');
    client.destroy();
    this.afterCut();
    setTimeout(() => {
      server.write(piece);
      setTimeout(() => server.destroy(), lateEndMs);
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
    const { delayMs = 0, bytesPerSecond } =
      this.slowWhen(piece, direction, placeOfLink(link)) ?? {};
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

/** Numbers from 0 to 1 that are the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function placeOfLink({ server }: Link): LinkPlace {
  return { clientPort: server.localPort };
}

function placeOf(databaseUrl: string): { host: string; port: number } {
  const { hostname, port } = new URL(databaseUrl);
  return { host: hostname, port: Number(port || 5432) };
}
