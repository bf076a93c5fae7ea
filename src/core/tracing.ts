// SPDX-License-Identifier: GPL-3.0-or-later

/** What a trace tells of a request before it is answered. */
export type TracedRequest = {
  id: string;
  method: string;
  url: string;
  /** The pattern of its route; undefined where none fits. */
  route: string | undefined;
  httpVersion: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** One request that is traced. */
export type RequestTrace = {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** Calls `next` so that whatever follows from it counts as part of the request. */
  run(next: () => void): void;
  /** The answer has left; `status` is undefined when the client went before it. */
  end(status: number | undefined): void;
};

/** Starts the trace of a request, or continues that of its caller. */
export type TraceRequest = (request: TracedRequest) => RequestTrace;

/** Runs a statement of the database so that its trace tells when it began, how long it took and whether it failed. */
export type TraceStatement = <Result>(
  statement: { name: string },
  run: () => Promise<Result>,
) => Promise<Result>;
