import PosternModel
import SidecarCore

/// The status page: the documents of `status` and `peers` as one HTML page that loads nothing and runs nothing.
enum StatusPage {
    /// What a browser may do with our responses: show them, with the style inside.
    static let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

    /// The page. Every text in the documents is escaped.
    static func html(status: StatusDocument, peers: [PeerDocument]) -> String {
        var page = Page(title: "Postern: \(status.name)")
        page.heading(status.name)
        page.facts([
            ("did", status.did.did), ("address", status.address.description), ("version", status.version),
            ("up for", duration(status.uptimeMs)),
            (
                "waiting requests",
                status.pending == 0 ? "none" : "\(status.pending) (see: postern trust list)"
            ),
        ])
        page.table(
            "Hubs",
            ["url", "connected", "round trip"],
            status.hubs.map { [$0.url.description, yes($0.connected), milliseconds($0.rttMs)] },
            empty: "No hub is configured."
        )
        page.table(
            "Peers",
            ["name", "did", "trusted", "path", "round trip", "sent", "received"],
            peers.map { peer in
                [
                    peer.name ?? "claims to be \"\(peer.claims)\"", peer.did.did, yes(peer.trusted), path(peer.path),
                    milliseconds(peer.rttMs),
                    String(peer.bytesSent), String(peer.bytesReceived),
                ]
            },
            empty: "No peer is known yet: try postern invite."
        )
        page.table(
            "What peers may reach here",
            ["service", "port", "kind", "upstream", "allow", "streams"],
            status.expose.map { entry in
                [
                    entry.service.description, String(entry.port.rawValue), entry.kind.rawValue,
                    entry.upstream + (entry.leg == .insecure ? ", not encrypted" : "")
                        + (entry.problem.map { ": \($0)" } ?? ""),
                    entry.allow.isEmpty ? "nobody" : entry.allow.map(\.description).joined(separator: ", "),
                    String(entry.activeStreams),
                ]
            },
            empty: "Nothing is exposed."
        )
        page.table(
            "What is reached from here",
            ["peer", "service", "listens at", "state"],
            status.reach.map { entry in
                let service = entry.service?.description ?? entry.port.map { "port \($0.rawValue)" } ?? ""
                return [entry.peer.description, service, entry.listen.description, entry.state]
            },
            empty: "No remote service is reached."
        )
        showNetworks(of: status, on: &page)
        showUnboundNames(of: status, on: &page)
        showSharedKeys(of: status, on: &page)
        return page.text
    }

    /// The page of a program that is no sidecar.
    static func html(of program: ProgramPage) -> String {
        var page = Page(title: "Postern: \(program.title)")
        page.heading(program.title)
        page.facts(program.facts)
        return page.text
    }

    private static func showNetworks(of status: StatusDocument, on page: inout Page) {
        guard !status.networks.isEmpty else { return }
        page.table(
            "Networks",
            ["name", "our role", "members", "state"],
            status.networks.map { network in
                let state = network.problem ?? "fresh"
                return [
                    network.name, network.role ?? "not joined", String(network.members),
                    network.offeredBy == nil ? state : "join it: postern network join \(network.name)",
                ]
            },
            empty: ""
        )
    }

    private static func showUnboundNames(of status: StatusDocument, on page: inout Page) {
        guard !status.unbound.isEmpty else { return }
        page.table(
            "Names that nobody has",
            ["name", "what waits for it", "claimed by"],
            status.unbound.map { entry in
                let claimants = entry.claimedBy.map(\.did).joined(separator: ", ")
                return [entry.name, entry.uses.joined(separator: ", "), claimants]
            },
            empty: ""
        )
    }

    private static func showSharedKeys(of status: StatusDocument, on page: inout Page) {
        guard !status.sharedKeys.isEmpty else { return }
        page.table(
            "Keys that two programs use",
            ["key", "what to do"],
            status.sharedKeys.map { key in
                let isOurs = key == status.did
                return [key.did, isOurs ? "stop this sidecar or its copy" : "tell its operator to stop one of the two"]
            },
            empty: ""
        )
    }

    private static func yes(_ value: Bool) -> String { value ? "yes" : "no" }

    private static func path(_ path: PathDocument?) -> String {
        guard let path else { return "none" }
        return [path.kind.rawValue, path.transport.rawValue, path.family, path.problem].compactMap(\.self)
            .joined(separator: ", ")
    }

    private static func milliseconds(_ number: Double?) -> String {
        guard let number else { return "–" }
        let hundredths = Int((number * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) ms"
    }

    private static func duration(_ milliseconds: Int64) -> String {
        let minutes = milliseconds / 60_000
        if minutes == 0 { return "\(milliseconds / 1_000) s" }
        if minutes < 60 { return "\(minutes) min" }
        return minutes < 2_880 ? "\(minutes / 60) h \(minutes % 60) min" : "\(minutes / 1_440) days"
    }
}

/// HTML under construction.
private struct Page {
    private static let style = """
        :root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}
        body{max-width:72rem;margin:2rem auto;padding:0 1rem}
        h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.05rem;margin:2rem 0 .3rem}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.2rem;margin:0}
        dt{opacity:.65}dd{margin:0;overflow-wrap:anywhere}
        div{overflow-x:auto}table{border-collapse:collapse;width:100%}
        th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid #8884;vertical-align:top}
        th{font-weight:600;opacity:.65}td{overflow-wrap:anywhere}p{opacity:.65;margin:.2rem 0}
        """

    private var body = ""
    private let title: String

    init(title: String) {
        self.title = title
    }

    var text: String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <meta http-equiv="refresh" content="5"><title>\(Self.escape(title))</title>
        <style>\(Self.style)</style></head><body><main>
        \(body)</main></body></html>

        """
    }

    mutating func heading(_ text: String) {
        body += "<h1>\(Self.escape(text))</h1>\n"
    }

    mutating func facts(_ facts: [(name: String, value: String?)]) {
        body += "<dl>\n"
        for (name, value) in facts {
            body += "<dt>\(Self.escape(name))</dt><dd>\(Self.escape(value ?? "–"))</dd>\n"
        }
        body += "</dl>\n"
    }

    mutating func table(_ title: String, _ head: [String], _ rows: [[String]], empty: String) {
        body += "<h2>\(Self.escape(title))</h2>\n"
        guard !rows.isEmpty else {
            body += "<p>\(Self.escape(empty))</p>\n"
            return
        }
        body += "<div><table><thead><tr>" + head.map { "<th scope=\"col\">\(Self.escape($0))</th>" }.joined()
        body += "</tr></thead><tbody>\n"
        for row in rows { body += "<tr>" + row.map { "<td>\(Self.escape($0))</td>" }.joined() + "</tr>\n" }
        body += "</tbody></table></div>\n"
    }

    private static func escape(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case _: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
