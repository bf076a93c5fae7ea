// SPDX-License-Identifier: GPL-3.0-or-later
import { type ComponentChildren, createContext } from 'preact';
import { useCallback, useContext, useEffect, useState } from 'preact/hooks';
import type { ConsoleSession, Refusal } from '../../client.ts';
import { onSessionEnd, service } from '../service.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { LoginDialog } from './login-dialog.tsx';
import { LoginForm } from './login-form.tsx';

type SessionContext = ConsoleSession & { logOut: () => void };

const Context = createContext<SessionContext | undefined>(undefined);

/** Who is logged in. Only for components inside `SessionGate`. */
export function useSession(): SessionContext {
  const session = useContext(Context);
  if (session === undefined) throw new Error('useSession is called outside SessionGate');
  return session;
}

/** Whether the operator may change something. A viewer sees the same page with its actions disabled. */
export function useMayOperate(): boolean {
  return useSession().role === 'operator';
}

/**
 * Shows its children to those who are logged in, and the login to others. When the session ends later, the children stay as
 * they are, with what was typed into them, behind a login dialog.
 */
export function SessionGate({ children }: { children: ComponentChildren }) {
  const [session, setSession] = useState<ConsoleSession>();
  const [isEnded, setEnded] = useState(false);
  const [refusal, setRefusal] = useState<Refusal>();

  const read = useCallback(async () => {
    const result = await service.readConsoleSession({});
    if (result.outcome === 'ok') {
      setSession(result.value);
      setEnded(false);
    } else if (result.outcome === 'unauthorized') setEnded(true);
    setRefusal(result.outcome === 'ok' || result.outcome === 'unauthorized' ? undefined : result);
  }, []);

  useEffect(() => {
    read();
    return onSessionEnd(() => setEnded(true));
  }, [read]);

  // The service may be starting: the page asks again by itself.
  useEffect(() => {
    if (refusal === undefined || session !== undefined) return;
    const timer = setTimeout(read, 2_000);
    return () => clearTimeout(timer);
  }, [refusal, session, read]);

  // The operator may have logged in in another tab of the browser.
  useEffect(() => {
    if (!isEnded) return;
    const readIfVisible = () => {
      if (!document.hidden) read();
    };
    addEventListener('focus', readIfVisible);
    document.addEventListener('visibilitychange', readIfVisible);
    return () => {
      removeEventListener('focus', readIfVisible);
      document.removeEventListener('visibilitychange', readIfVisible);
    };
  }, [isEnded, read]);

  if (session === undefined) {
    if (isEnded) return <LoginForm onLogin={read} />;
    return (
      <main class="alone">
        <RefusalNote refusal={refusal} />
        {refusal === undefined && <p>Loading …</p>}
      </main>
    );
  }
  const logOut = async () => {
    await service.deleteConsoleSession({});
    setSession(undefined);
    setEnded(true);
  };
  return (
    <Context.Provider value={{ ...session, logOut }}>
      {children}
      {isEnded && <LoginDialog onLogin={read} />}
    </Context.Provider>
  );
}
