extension StatusPage {
    /// What the doctor finds when it is asked, and codes for cameras.
    static let scriptDoctor = #"""
        async function look() {
          const button = $('doctor-look');
          button.disabled = true;
          put($('doctor'), el('p', {class: 'quiet'}, 'Looking…'));
          try {
            const found = await ask('GET', 'doctor');
            const order = ['broken', 'warning', 'note', 'ok'];
            const kinds = {broken: 'bad', warning: 'warn', note: '', ok: 'good'};
            const rows = found.findings.sort((one, other) => order.indexOf(one.state) - order.indexOf(other.state));
            put($('doctor'), table(['state', 'what', 'why it matters, and what to do'], rows.map(entry => [
              chip(entry.state, kinds[entry.state]), [el('b', {}, entry.check), ': ' + entry.what],
              [entry.why ?? '', entry.hint ? el('div', {}, entry.hint) : null]]), 'Nothing was found.'));
            if (found.broken) problems.set('doctor', 'The doctor found '
                + count(found.broken, 'thing that is broken.', 'things that are broken.'));
            else problems.delete('doctor');
          } catch (error) {
            put($('doctor'), el('p', {}, 'The doctor cannot look: ' + error.message));
          }
          button.disabled = false;
          attention();
        }
        $('doctor-look').addEventListener('click', look);

        // The rows have one sign for each square, # for a dark one.
        function code(rows) {
          const side = rows.length + 8;
          const dark = rows.flatMap((row, y) => [...row].map((sign, x) => sign === '#' ? `M${x + 4} ${y + 4}h1v1h-1z`
              : ''));
          const picture = shape('svg', {viewBox: `0 0 ${side} ${side}`, class: 'code', role: 'img',
            'aria-label': 'The invitation as a QR code'});
          picture.append(shape('rect', {class: 'paper', width: side, height: side}),
            shape('path', {class: 'ink', d: dark.join('')}));
          return picture;
        }
        async function drawn(text) {
          try {
            const {rows} = await ask('POST', 'code', {text});
            return rows ? code(rows) : null;
          } catch { return null; }
        }
        """#
}
