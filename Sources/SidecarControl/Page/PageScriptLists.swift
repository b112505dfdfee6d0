extension StatusPage {
    /// Requests, connections, invitations, networks, the audit trail and the log; and how they stay live.
    static let scriptLists = #"""
        function requests() {
          const pending = state.trust?.pending ?? [];
          const box = $('requests');
          const text = JSON.stringify(pending);
          if (box.dataset.text === text) return;
          box.dataset.text = text;
          box.hidden = !pending.length;
          put(box.querySelector('div'), ...pending.map(request => {
            const offered = (state.status?.expose ?? []).map(entry => entry.service);
            const wanted = request.services.includes('*') ? offered : request.services;
            const boxes = [...new Set([...offered, ...wanted])].map(service => {
              const input = el('input', {type: 'checkbox', value: service, 'data-key': `${request.id} ${service}`});
              input.checked = wanted.includes(service);
              return [input, el('label', {}, input, service)];
            });
            const name = el('input', {size: 12, 'data-key': request.id + ' name',
                'aria-label': 'what it is called here'});
            name.value = request.name ?? '';
            const approve = el('button', {type: 'button', class: 'main', 'data-key': 'approve ' + request.id,
                onclick: event => {
              const services = boxes.filter(([input]) => input.checked).map(([input]) => input.value);
              if (boxes.length && !services.length) {
                problems.set('act', 'Choose at least one service, or reject the request.');
                return attention();
              }
              const body = {id: request.id, services: services.length === boxes.length
                  && request.services.includes('*') ? ['*']
                : services};
              if (name.value.trim()) body.name = name.value.trim();
              return act(event.currentTarget, 'trust/approve', body);
            }}, 'Approve');
            return el('div', {class: 'request'},
              el('h3', {}, request.name ?? `Somebody who claims to be “${request.claims}”`),
              el('p', {class: 'quiet'}, el('code', {}, request.did), ` ${ago(request.received)}`
                + (request.stranger ? ', a stranger' : '')),
              request.note ? el('blockquote', {}, request.note) : null,
              el('div', {class: 'row', role: 'group', 'aria-label': 'what it may use'}, 'may use', ...boxes.map(([,
                  label]) => label)),
              el('div', {class: 'row'}, el('label', {}, 'called', name), approve,
                action('Reject', 'end', 'reject ' + request.id, 'trust/reject', {id: request.id})));
          }));
        }

        function streams() {
          put($('streams'), table(['service', 'with', 'direction', {text: 'age'}, {text: 'under way'}, {text: 'in'},
              {text: 'out'}, ''],
            (state.streams ?? []).map(entry => [entry.service, short(entry.peer), entry.direction, span(entry.ageMs),
              String(entry.inFlight), bytes(entry.bytesIn), bytes(entry.bytesOut),
              action('Cut', 'end', 'cut ' + entry.id, 'streams/cut', {id: entry.id},
                `Cut this connection to ${entry.service}? What runs over it fails.`)]),
            'Nothing is open.'));
        }

        function invitations() {
          const list = (state.invitations ?? []).filter(entry => entry.state === 'open');
          put($('invitations'), table(['for', {text: 'used'}, 'until', ''], list.map(entry => [
            [entry.services.includes('*') ? 'all services' : entry.services.join(', '),
              entry.name ? el('div', {class: 'quiet'}, 'for ' + entry.name) : null],
            `${entry.redeemers.length} of ${entry.uses}`, when(entry.expires),
            action('Withdraw', 'end', 'withdraw ' + entry.id, 'invitations/revoke', {id: entry.id},
              'Withdraw this invitation? Whoever redeemed it keeps the trust.')]),
          'None is open.'));
        }

        function networks() {
          const list = state.networks ?? [];
          put($('networks'), ...list.length ? list.map(network => el('div', {class: 'request'},
            el('h3', {}, network.name, ' ', chip(network.role ?? 'not a member yet', network.role ? 'good' : 'warn'),
                ' ',
              network.forked ? chip('two histories', 'bad') : network.fresh ? null : chip('not fresh', 'warn')),
            table(['member', 'role', 'groups'], network.members.map(member => [member.name ?? short(member.did),
                member.role,
              member.groups.join(', ')]), 'No member is known.')))
            : [el('p', {class: 'quiet'}, 'None: see `postern network create`.')]);
        }

        let entries = [];
        function audit() {
          const wanted = $('audit-filter').value.trim().toLowerCase();
          const names = new Map((state.peers ?? []).map(peer => [peer.did, peer.name]));
          if (state.status) names.set(state.status.did, 'this node');
          const call = did => names.get(did) ?? short(did);
          const rows = entries.filter(entry => !wanted || JSON.stringify([entry, call(entry.actor),
              call(entry.subject)])
            .toLowerCase().includes(wanted)).slice(-100).reverse();
          const value = part => part === null || part === undefined ? '' : JSON.stringify(part).slice(0, 160);
          put($('audit'), table(['time', 'what', 'who', 'to whom', 'old', 'new'],
              rows.map(entry => [when(entry.time), entry.action,
            call(entry.actor) + (entry.via ? ', asked by ' + entry.via : ''), call(entry.subject)
              + (entry.network ? ' in ' + entry.network : ''), value(entry.old), value(entry.new)]),
                  'No entry matches.'));
        }
        async function readAudit() {
          try {
            entries = (await ask('GET', 'audit')).slice(-1000);
            problems.delete('audit');
          } catch (error) {
            problems.set('audit', 'The audit trail cannot be read: ' + error.message);
          }
          audit();
          attention();
        }

        function log() {
          const box = $('log');
          const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
          box.textContent = (state.log ?? []).join('\n');
          if (atEnd) box.scrollTop = box.scrollHeight;
        }

        const views = {status: [node, services, map], peers: [peers, map, services], trust: [requests, readAudit],
            streams: [streams],
          traffic: [services], invitations: [invitations, readAudit], networks: [networks, readAudit], log: [log]};
        let source;
        function listen() {
          source = new EventSource('/api/v1/events');
          const live = (text, kind) => $('live').replaceChildren(chip(text, kind));
          source.onopen = () => { live('live', 'good'); problems.delete('live'); attention(); };
          source.onerror = () => {
            live('not connected', 'bad');
            problems.set('live', 'The sidecar does not answer, or the session is over: run `postern open` again.');
            attention();
            if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
          };
          for (const [name, draw] of Object.entries(views)) {
            source.addEventListener(name, event => {
              state[name] = JSON.parse(event.data);
              for (const view of draw) view();
              attention();
            });
          }
        }
        $('audit-filter').addEventListener('input', audit);
        $('audit-again').addEventListener('click', readAudit);
        $('invite').addEventListener('submit', async event => {
          event.preventDefault();
          const services = $('invite-for').value.split(',').map(text => text.trim()).filter(Boolean);
          try {
            const made = await ask('POST', 'invite', services.length ? {services} : {});
            put($('invitation'), 'Hand this over, to whom it is meant for alone: ', el('code', {}, made.invitation));
            $('invitation').dataset.text = made.invitation;
            const picture = await drawn(made.invitation);
            if (picture && $('invitation').dataset.text === made.invitation) $('invitation').append(picture);
          } catch (error) { $('invitation').textContent = error.message; }
        });
        addEventListener('resize', map);
        addEventListener('pagehide', () => source.close());
        listen();
        """#
}
