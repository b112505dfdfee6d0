extension StatusPage {
    /// Elements, numbers and questions to the sidecar, and what needs attention.
    static let scriptBasics = #"""
        'use strict';
        const state = {};
        const $ = id => document.getElementById(id);
        const svg = 'http://www.w3.org/2000/svg';

        // Texts of strangers are only ever text.
        function el(name, attributes = {}, ...children) {
          const node = document.createElement(name);
          for (const [key, value] of Object.entries(attributes)) {
            if (key === 'onclick' || key === 'onsubmit') node[key] = value;
            else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
          }
          node.append(...children.filter(child => child !== null && child !== undefined));
          return node;
        }
        function shape(name, attributes, text) {
          const node = document.createElementNS(svg, name);
          for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
          if (text !== undefined) node.textContent = text;
          return node;
        }

        // Puts new children in place and gives the focus back to what has it.
        function put(parent, ...children) {
          const key = document.activeElement?.dataset?.key;
          parent.replaceChildren(...children);
          if (key) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
        }

        const number = value => value >= 1e9 ? (value / 1e9).toFixed(1) + ' G' : value >= 1e6
            ? (value / 1e6).toFixed(1) + ' M'
          : value >= 1e4 ? (value / 1e3).toFixed(1) + ' k' : String(value);
        const bytes = value => value >= 1e4 ? number(value) + 'B' : value + ' B';
        const ms = value => value === null || value === undefined ? '–' : value >= 1000
            ? (value / 1000).toFixed(1) + ' s'
          : (value >= 10 ? value.toFixed(0) : value.toFixed(1)) + ' ms';
        const count = (value, one, many) => value + ' ' + (value === 1 ? one : many);
        function span(milliseconds) {
          const seconds = Math.floor(milliseconds / 1000);
          if (seconds < 60) return seconds + ' s';
          const minutes = Math.floor(seconds / 60);
          if (minutes < 60) return minutes + ' min';
          const hours = Math.floor(minutes / 60);
          return hours < 48 ? hours + ' h ' + minutes % 60 + ' min' : Math.floor(hours / 24) + ' days';
        }
        const short = did => did.length > 26 ? did.slice(0, 16) + '…' + did.slice(-6) : did;
        const when = text => text ? new Date(text).toLocaleString() : '–';
        const ago = text => text ? span(Math.max(0, Date.now() - Date.parse(text))) + ' ago' : 'never';
        const chip = (text, kind) => el('span', {class: 'chip ' + kind}, text);
        const who = peer => peer.name ?? `“${peer.claims || 'unnamed'}” (a claim)`;

        function table(heads, rows, empty) {
          if (!rows.length) return el('p', {class: 'quiet'}, empty);
          const labels = heads.map(head => typeof head === 'string' ? head : head.text);
          const numeric = heads.map(head => typeof head !== 'string');
          return el('table', {},
            el('thead', {}, el('tr', {}, ...labels.map((label, at) =>
              el('th', {scope: 'col', class: numeric[at] ? 'num' : null}, label)))),
            el('tbody', {}, ...rows.map(cells => el('tr', {}, ...cells.map((cell, at) =>
              el('td', {'data-label': labels[at], class: numeric[at] ? 'num' : null},
                cell === '' ? '' : el('div', {}, ...[cell ?? ''].flat())))))));
        }

        async function ask(method, path, body) {
          const answer = await fetch('/api/v1/' + path, {method, credentials: 'same-origin',
            headers: body ? {'content-type': 'application/json'} : {},
                body: body ? JSON.stringify(body) : undefined});
          const document = await answer.json();
          if (!answer.ok) throw new Error(document.error.message + (document.error.hint
              ? '; ' + document.error.hint : ''));
          return document;
        }
        function sure(text) {
          const dialog = $('sure');
          $('sure-text').textContent = text;
          dialog.returnValue = 'no';
          dialog.showModal();
          return new Promise(done => dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'),
              {once: true}));
        }
        const problems = new Map();
        async function act(button, path, body, question) {
          if (question && !await sure(question)) return;
          button.disabled = true;
          try {
            await ask('POST', path, body);
            problems.delete('act');
          } catch (error) {
            problems.set('act', error.message);
            button.disabled = false;
          }
          attention();
        }
        function action(text, kind, key, path, body, question) {
          return el('button', {type: 'button', class: kind, 'data-key': key,
            onclick: event => act(event.currentTarget, path, body, question)}, text);
        }

        // What an operator should look at first.
        function attention() {
          const found = [];
          const {status, trust, peers, traffic} = state;
          for (const text of problems.values()) found.push(['bad', text]);
          if (status) {
            if (status.outdated) found.push(['bad',
              'This state directory is older than the node: nobody is trusted until `postern trust recover`.']);
            for (const key of status.sharedKeys) found.push(['bad',
                `Two programs use the key ${short(key)}: stop one of them.`]);
            for (const key of status.contradictions) found.push(['bad',
                `${short(key)} names another next key than it did first, as a thief of it would: ask its operator.`]);
            const hubs = status.hubs.filter(hub => hub.configured);
            if (hubs.length && !hubs.some(hub => hub.connected)) found.push(['bad',
              'No hub is reached: peers behind other networks cannot find this node. See `postern doctor`.']);
            for (const hub of hubs) {
              if (hub.full) found.push(['warn', `The hub ${hub.url} has no room for this node.`]);
            }
            for (const entry of status.expose) {
              if (entry.problem) found.push(['bad',
                  `The agent of ${entry.service} is not reached: ${entry.problem}`]);
              if (!entry.allow.length) found.push(['warn',
                  `${entry.service} allows nobody: set \`allow\` in the configuration.`]);
              if (entry.leg === 'insecure') found.push(['warn', `What goes to ${entry.upstream} is not encrypted.`]);
            }
            for (const entry of status.reach) {
              if (!['connected', 'idle'].includes(entry.state)) found.push(['warn',
                `${entry.service ?? entry.port} of ${entry.peer}: ${entry.state}`]);
            }
            for (const name of status.unbound) found.push(['warn',
              `Nobody is called ${name.name}, but ${name.uses.join(', ')} waits: use \`postern name\`.`]);
          }
          for (const peer of peers ?? []) {
            if (peer.path?.problem) found.push(['warn', `The path to ${who(peer)} ${peer.path.problem}.`]);
          }
          for (const entry of traffic ?? []) {
            const last = entry.minutes.slice(-5).reduce((sum, minute) => sum + minute.errors, 0);
            if (last) found.push(['warn', `${entry.service}: ${count(last, 'error', 'errors')} in five minutes.`]);
          }
          const waiting = trust?.pending.length ?? 0;
          if (waiting) found.push(['warn', count(waiting, 'request waits',
              'requests wait') + ' for your decision, below.']);
          const box = $('attention');
          const worst = found.some(([kind]) => kind === 'bad') ? 'bad' : found.length ? 'warn' : '';
          const title = !found.length ? 'All is well' : count(found.length, 'thing needs',
              'things need') + ' attention';
          const text = JSON.stringify([title, found]);
          if (box.dataset.text === text) return;
          box.dataset.text = text;
          box.className = worst;
          $('attention-title').textContent = title;
          put(box.querySelector('ul'), ...found.map(([kind, line]) => el('li', {class: kind}, line)));
        }
        """#
}
