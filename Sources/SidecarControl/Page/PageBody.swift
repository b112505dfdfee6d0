extension StatusPage {
    /// What the page has before the script fills it.
    static let body = #"""
        <a class="skip" href="#services-title">Skip to the services</a>
        <header><h1 id="name">Postern</h1><p id="subtitle"></p><p id="live" role="status"><span
        class="chip">connecting</span></p></header>
        <main>
        <section id="attention" aria-live="polite" aria-labelledby="attention-title"><h2
        id="attention-title">Looking…</h2>
        <ul></ul></section>
        <section aria-labelledby="requests-title" id="requests" hidden><h2 id="requests-title">Requests for your
        trust</h2>
        <div></div></section>
        <section aria-labelledby="services-title"><h2 id="services-title">Services</h2><div id="services"
        class="services"></div>
        </section>
        <section class="half" aria-labelledby="map-title"><h2 id="map-title">Paths</h2><div id="map"></div></section>
        <section class="half" aria-labelledby="node-title"><h2 id="node-title">This node</h2><dl
        id="node"></dl></section>
        <section aria-labelledby="peers-title"><h2 id="peers-title">Peers</h2><div id="peers"></div></section>
        <section aria-labelledby="streams-title"><h2 id="streams-title">Open connections</h2><div
        id="streams"></div></section>
        <section class="half" aria-labelledby="invitations-title"><h2 id="invitations-title">Invitations</h2>
        <div id="invitations"></div><form id="invite" class="row"><label>for <input id="invite-for" size="14"
        aria-label="services, separated by commas; empty for all"></label><button class="main">Invite</button></form>
        <p class="told" id="invitation" role="status"></p></section>
        <section class="half" aria-labelledby="networks-title"><h2 id="networks-title">Networks</h2><div
        id="networks"></div>
        </section>
        <section aria-labelledby="doctor-title"><h2 id="doctor-title">Doctor</h2><div class="row">
        <button id="doctor-look" type="button">Look now</button></div><div id="doctor" role="status"><p
        class="quiet">Looks at key and files, clock, disk, ports, hubs and agents, and says what to do.</p></div>
        </section>
        <section aria-labelledby="audit-title"><h2 id="audit-title">Audit trail</h2><div class="row"><label>Filter
        <input id="audit-filter" type="search" placeholder="trust, a name, a did"></label>
        <button id="audit-again" type="button">Read again</button></div><div id="audit"></div></section>
        <section aria-labelledby="log-title"><h2 id="log-title">Log</h2><pre id="log" tabindex="0"
        aria-labelledby="log-title"></pre>
        </section>
        </main>
        <footer><p>Live while it is open. Nothing here comes from elsewhere, and nothing leaves this
        machine.</p></footer>
        <dialog id="sure" aria-labelledby="sure-text"><form method="dialog"><p id="sure-text"></p><div class="row">
        <button value="yes" class="end">Yes</button><button value="no">No</button></div></form></dialog>
        """#
}
