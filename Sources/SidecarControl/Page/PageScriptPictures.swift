extension StatusPage {
    /// Charts, the map of paths, this node and its peers.
    static let scriptPictures = #"""
        // Sixty minutes: bars of requests with their errors, and how long half and 95 of 100 took at most.
        function chart(minutes) {
          const width = 240, height = 64, split = 34, step = width / minutes.length;
          const most = Math.max(1, ...minutes.map(minute => minute.requests));
          const slowest = Math.max(1, ...minutes.map(minute => minute.p95Ms ?? 0));
          const total = minutes.reduce((sum, minute) => sum + minute.requests, 0);
          const errors = minutes.reduce((sum, minute) => sum + minute.errors, 0);
          const picture = shape('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', height,
            preserveAspectRatio: 'none',
                'aria-label': `Last hour: ${count(total, 'request', 'requests')}, at most ${most} a minute, `
              + `${count(errors, 'error', 'errors')}; 95 of 100 within ${ms(slowest)} in the slowest minute`});
          picture.append(shape('line', {class: 'axis', x1: 0, x2: width, y1: split, y2: split}),
            shape('line', {class: 'axis', x1: 0, x2: width, y1: height, y2: height}));
          minutes.forEach((minute, at) => {
            for (const [kind, value] of [['bars', minute.requests], ['errors', minute.errors]]) {
              if (!value) continue;
              const tall = Math.max(1, Math.min(value, most) / most * (split - 2));
              picture.append(shape('rect', {class: kind, x: at * step + .4, width: step - .8, y: split - tall,
                  height: tall}));
            }
          });
          for (const kind of ['p95', 'p50']) {
            let path = '', open = false;
            minutes.forEach((minute, at) => {
              const value = kind === 'p95' ? minute.p95Ms : minute.medianMs;
              if (value === null || value === undefined) { open = false; return; }
              const y = height - 1 - Math.min(1, value / slowest) * (height - split - 5);
              path += open ? `L${at * step + step / 2} ${y}`
                  : `M${at * step} ${y}h${step}M${at * step + step / 2} ${y}`;
              open = true;
            });
            if (path) picture.append(shape('path', {class: kind, d: path}));
          }
          return picture;
        }

        function card(title, place, badge, entry) {
          const recent = (entry?.minutes ?? []).slice(-5);
          const rate = recent.reduce((sum, minute) => sum + minute.requests, 0) / 300;
          const last = [...(entry?.minutes ?? [])].reverse().find(minute => minute.p95Ms !== null
              && minute.p95Ms !== undefined);
          const figure = (name, value) => el('span', {}, el('b', {}, value), ' ' + name);
          return el('article', {class: 'service'}, el('div', {class: 'top'}, el('h3', {}, title), badge),
            el('p', {class: 'quiet'}, place),
            el('div', {class: 'figures'}, figure('a second', rate ? rate.toFixed(rate < 1 ? 2 : 1) : '0'),
              figure('requests', number(entry?.requests ?? 0)), figure('errors', number(entry?.errors ?? 0)),
              figure('half within', ms(last?.medianMs)), figure('95 % within', ms(last?.p95Ms)),
              figure('under way', String(entry?.inFlight ?? 0))),
            chart(entry?.minutes ?? Array.from({length: 60}, () => ({requests: 0, errors: 0}))));
        }
        function services() {
          const {status, traffic} = state;
          if (!status) return;
          const find = (direction, service, peers) => traffic?.find(entry => entry.direction === direction
            && entry.service === service && (!peers || peers.includes(entry.peer)));
          const names = peer => [peer, ...(state.peers ?? []).filter(known => known.did === peer
              || known.name === peer)
            .flatMap(known => [known.did, known.name])];
          const ours = status.expose.map(entry => card(entry.service,
              `${entry.kind} for ${entry.allow.join(', ') || 'nobody'}, at `
            + entry.upstream, entry.problem ? chip('agent away', 'bad') : chip('offered', 'good'),
            find('exposed', entry.service)));
          const theirs = status.reach.map(entry => {
            const service = entry.service ?? String(entry.port);
            const kind = {connected: 'good', idle: 'good'}[entry.state] ?? 'warn';
            return card(service, `of ${short(entry.peer)}, at ${entry.listen}`, chip(entry.state, kind),
              find('reached', service, names(entry.peer)));
          });
          const all = [...ours, ...theirs];
          put($('services'), ...all.length ? all : [el('p', {class: 'quiet'},
            'Nothing is exposed or reached yet: see `postern expose` and `postern reach`.')]);
        }

        // This node at the left, its peers at the right; what goes through a hub passes it.
        function map() {
          const {status, peers} = state;
          if (!status || !peers) return;
          const box = $('map');
          const shown = peers.slice(0, 8), hubs = status.hubs.slice(0, 3);
          const width = Math.max(260, box.clientWidth || 320), top = hubs.length ? 52 : 16, gap = 34;
          const height = top + Math.max(2, shown.length) * gap + 6;
          const right = width - Math.min(190, width * .5), middle = (top + height) / 2;
          const words = peers.map(peer => `${who(peer)} ${peer.path ? peer.path.kind : 'without a path'}`).join('; ');
          const picture = shape('svg', {viewBox: `0 0 ${width} ${height}`, height, role: 'img',
            'aria-label': `${status.name} with ${count(status.hubs.length, 'hub', 'hubs')} and `
              + count(peers.length, 'peer', 'peers') + (words ? ': ' + words : '')});
          const hubX = at => (12 + right) / 2 + (at - (hubs.length - 1) / 2) * 60;
          hubs.forEach((hub, at) => {
            picture.append(shape('path', {class: 'link ' + (hub.connected ? 'hubs' : 'none'),
              d: `M12 ${middle}Q12 22 ${hubX(at)} 22`}));
          });
          shown.forEach((peer, at) => {
            const y = top + at * gap + gap / 2, kind = peer.path?.kind ?? 'none';
            const line = kind === 'relay' && hubs.length
                ? `M12 ${middle}Q12 22 ${hubX(0)} 22Q${right} 22 ${right} ${y}`
              : `M12 ${middle}C${right * .5} ${middle} ${right * .5} ${y} ${right} ${y}`;
            const round = peer.path ? `${kind}, ${ms(peer.rttMs)}` : 'no path now';
            picture.append(shape('path', {class: 'link ' + kind, d: line}),
              shape('circle', {class: 'dot' + (peer.path ? '' : ' off'), cx: right, cy: y, r: 6}),
              shape('text', {x: right + 14, y: y - 1}, (peer.name ?? `“${peer.claims}”`).slice(0, 20)),
              shape('text', {class: 'small', x: right + 14, y: y + 14}, round));
          });
          hubs.forEach((hub, at) => picture.append(
            shape('rect', {class: 'dot hub', x: hubX(at) - 6, y: 16, width: 12, height: 12, rx: 3}),
            shape('text', {class: 'small', x: hubX(at), y: 10, 'text-anchor': 'middle'},
                hub.connected ? 'hub' : 'hub away')));
          picture.append(shape('circle', {class: 'dot', cx: 12, cy: middle, r: 9}));
          put(box, picture);
          if (peers.length > shown.length) box.append(el('p', {class: 'quiet'},
              `and ${peers.length - shown.length} more, below`));
          if (!peers.length) box.append(el('p', {class: 'quiet'}, 'No peer is known yet: invite one below.'));
        }

        function node() {
          const {status} = state;
          if (!status) return;
          document.title = 'Postern: ' + status.name;
          $('name').textContent = status.name;
          $('subtitle').textContent = `up for ${span(status.uptimeMs)}, version ${status.version}`;
          const hubs = status.hubs.map(hub => el('div', {}, chip(hub.connected ? 'connected' : 'away',
              hub.connected ? 'good' : 'bad'),
            ` ${hub.url.replace(/\/did:key:.*/, '')} ${hub.connected ? ms(hub.rttMs) : hub.problem || ''}`));
          const facts = [['did', el('code', {}, status.did)], ['address', el('code', {}, status.address)],
            ['hubs', hubs.length ? hubs : 'none is configured'], ['UDP', status.udp.join(', ')],
            ['NAT', [status.nat.mapping, status.nat.portMapping].filter(Boolean).join(', ') || 'not measured']];
          put($('node'), ...facts.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, ...[value].flat())]));
        }

        function peers() {
          const list = state.peers ?? [];
          put($('peers'), table(['peer', 'path', {text: 'round trip'}, {text: 'sent'}, {text: 'received'},
              'last seen', ''],
            list.map(peer => [
              [el('b', {}, who(peer)), el('div', {class: 'quiet'}, el('code', {title: peer.did}, short(peer.did)),
                peer.networks.length ? ' in ' + peer.networks.join(', ') : '')],
              peer.path ? chip([peer.path.kind, peer.path.family].filter(Boolean).join(', '),
                  peer.path.kind === 'direct' ? 'good'
                : 'warn') : chip('no path', 'warn'),
              ms(peer.rttMs), bytes(peer.bytesSent), bytes(peer.bytesReceived), ago(peer.lastSeen),
              peer.trusted ? action('End trust', 'end', 'revoke ' + peer.did, 'trust/revoke', {peer: peer.did},
                `End the trust with ${who(peer)}? Its connections are cut, and both sides must agree anew.`)
                : '']),
            'No peer is known yet.'));
        }
        """#
}
