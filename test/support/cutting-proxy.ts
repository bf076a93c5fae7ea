// SPDX-License-Identifier: GPL-3.0-or-later
/** A TCP proxy in front of a database that loses what it is told to lose, at the worst moments there are. */
import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/**
 * What happens to a connection that carries a chosen statement.
 * - `before`: it breaks before the statement reaches the database.
 * - `behind`: it breaks when the statement has been passed on, so the database works on for nobody.
 * - `before_reply`: it breaks when the database has answered, and the answer does not get through.
 * - `silence`: it stays open, but no answer ever gets through.
 */
export type Cut = 'before' | 'behind' | 'before_reply' | 'silence';

type Link = { client: Socket; server: Socket; losesReply: boolean; silent: boolean };

/** Passes everything through until it is told otherwise. */
export class CuttingProxy {
  /** Called for each piece that a client sends; what it returns happens to the connection. */
  cutWhen: (piece: Buffer) => Cut | undefined = () => undefined;
  /** Changes what the database sends, piece by piece. */
  editReply: (piece: Buffer) => Buffer = (piece) => piece;
  /** Called when a connection was broken by a cut. */
  afterCut: () => void = () => undefined;
  /** How often each cut was made. */
  readonly cuts: Record<Cut, number> = { before: 0, behind: 0, before_reply: 0, silence: 0 };
  private target: { host: string; port: number };
  private listener: Server | undefined;
  private port = 0;
  private holeIsBlack = false;
  private readonly links = new Set<Link>();

  private constructor(target: { host: string; port: number }) {
    this.target = target;
  }

  /** Starts a proxy in front of the server that the URL leads to. */
  static async before(databaseUrl: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(placeOf(databaseUrl));
    await proxy.accept();
    return proxy;
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
    listener.listen(this.port, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
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
    const link: Link = { client, server, losesReply: false, silent: this.holeIsBlack };
    this.links.add(link);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (piece: Buffer) => this.onPiece(link, piece));
    server.on('data', (piece: Buffer) => {
      if (link.silent) return;
      if (link.losesReply) this.cut(link);
      else client.write(this.editReply(piece));
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
    link.losesReply ||= cut === 'before_reply';
    link.silent ||= cut === 'silence';
    link.server.write(piece, () => {
      if (cut === 'behind') this.cut(link);
    });
  }

  private cut(link: Link): void {
    this.break(link);
    this.afterCut();
  }

  private break(link: Link): void {
    this.links.delete(link);
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

function placeOf(databaseUrl: string): { host: string; port: number } {
  const { hostname, port } = new URL(databaseUrl);
  return { host: hostname, port: Number(port || 5432) };
}
