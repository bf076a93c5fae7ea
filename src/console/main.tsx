// SPDX-License-Identifier: GPL-3.0-or-later
import { render } from 'preact';
import './base.css';

const page = document.getElementById('page');
if (page !== null) render(<p>firstcome's console</p>, page);
