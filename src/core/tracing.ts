// SPDX-License-Identifier: GPL-3.0-or-later

/** What a trace shows of a request before it is answered. */
export type TracedRequest = {
  id: string;
  method: string;
  url: string;
  /** The pattern of its route; undefined when no route matches. */
  route: string | undefined;
  httpVersion: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** One request that is traced. */
export type RequestTrace = {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** Calls `next`; all work that it starts belongs to the request's trace. */
  run(next: () => void): void;
  /** The request holds so many claims, which share its span. Call it before they are made. */
  holdsClaims(count: number): void;
  /** The response is sent; `status` is undefined when the client disconnected before it. */
  end(status: number | undefined): void;
};

/** Starts the trace of a request, or continues that of its caller. */
export type TraceRequest = (request: TracedRequest) => RequestTrace;

/** Runs a database statement, and records when it started, how long it took and whether it failed. */
export type TraceStatement = <Result>(
  statement: { name: string },
  run: () => Promise<Result>,
) => Promise<Result>;
