// SPDX-License-Identifier: GPL-3.0-or-later
import { Dialog } from '../ui/dialog.tsx';
import { LoginFields } from './login-fields.tsx';

/** The login over a page whose session has ended. The page behind it keeps what was typed. */
export function LoginDialog({ onLogin }: { onLogin: () => void }) {
  return (
    <Dialog title="Your session has ended" isLocked onClose={() => {}}>
      <p>Log in again to go on where you were. Nothing that you have typed is lost.</p>
      <LoginFields onLogin={onLogin} />
    </Dialog>
  );
}
