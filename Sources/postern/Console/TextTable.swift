import PosternModel
import SidecarCore
import TrustCore

/// Rows in columns as wide as their longest text.
struct TextTable {
    private var rows: [[String]]

    init(_ head: [String]) {
        rows = [head]
    }

    /// Adds a row with as many texts as there are columns.
    mutating func add(_ row: [String]) {
        rows.append(row)
    }

    /// Whether there is more than the head.
    var hasRows: Bool { rows.count > 1 }

    /// The lines, without a line break at the end.
    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.enumerated().map { column, text in
                column == row.count - 1 ? text : text + String(repeating: " ", count: widths[column] - text.count)
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// Values of documents as people read them.
enum Shown {
    static func text(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null: "-"
        case .string(let text): text
        case .bool(let truth): truth ? "yes" : "no"
        case .integer(let number): String(number)
        case .double(let number): decimal(number)
        case .array(let elements): elements.isEmpty ? "-" : elements.map { text($0) }.joined(separator: ",")
        case .object: value?.compactText ?? "-"
        }
    }

    /// `direct ipv4`, `relay`, or `none`.
    static func path(_ path: PathDocument?) -> String {
        guard let path else { return "none" }
        let words = [path.kind.rawValue, path.family].compactMap(\.self).joined(separator: " ")
        return path.problem.map { "\(words) (\($0))" } ?? words
    }

    static func milliseconds(_ number: Double?) -> String { number.map { decimal($0) + " ms" } ?? "-" }

    /// A size with its unit.
    static func bytes(_ count: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB"]
        var size = Double(count)
        var unit = 0
        while size >= 1_024, unit + 1 < units.count {
            size /= 1_024
            unit += 1
        }
        return unit == 0 ? "\(count) B" : "\(decimal(size)) \(units[unit])"
    }

    /// How long ago `time` was.
    static func age(of time: Timestamp?, at now: Timestamp) -> String {
        guard let time else { return "never" }
        let seconds = max((now - time).nanoseconds / 1_000_000_000, 0)
        return switch seconds {
        case ..<5: "now"
        case ..<120: "\(seconds) s ago"
        case ..<7_200: "\(seconds / 60) min ago"
        case ..<172_800: "\(seconds / 3_600) h ago"
        case _: "\(seconds / 86_400) days ago"
        }
    }

    static func list(_ elements: [some CustomStringConvertible]) -> String {
        elements.isEmpty ? "-" : elements.map(\.description).joined(separator: ",")
    }

    /// A peer by its bound name; without one by what it claims, so that nobody takes the claim for a name.
    static func peer(_ name: String?, claims: String?) -> String {
        name ?? claims.map { "claims to be \"\($0)\"" } ?? "-"
    }

    /// What a command that made a trust says of the peer.
    static func trusted(_ trust: TrustDocument) -> String {
        let head: String
        if let name = trust.name {
            head = "\(name) (\(trust.did)) is trusted" + activated(trust.activates, by: name)
        } else {
            head =
                "\(trust.did) is trusted; it \(peer(nil, claims: trust.claims)) and has no name here: "
                + "`postern name \(trust.did) NAME`"
        }
        let added = trust.added.map { $0 == .names([]) ? "; nothing of that is new" : "; new: \(services($0))" } ?? ""
        return """
            \(head)
            it may use of ours: \(granted(trust.services))\(added)
            we may use of its: \(granted(trust.offers))
            """
    }

    private static func granted(_ services: ServiceSet) -> String {
        switch services {
        case .all: "everything that `allow` gives"
        case .names(let names): names.isEmpty ? "nothing" : list(names.sorted())
        }
    }

    /// What of the configuration means a peer since it is called `name`.
    static func activated(_ uses: [String], by name: String) -> String {
        uses.isEmpty ? "" : "; in the configuration \(name) means it now: \(uses.joined(separator: ", "))"
    }

    static func services(_ services: ServiceSet) -> String {
        switch services {
        case .all: "*"
        case .names(let names): list(names.sorted())
        }
    }

    /// With two digits after the point.
    private static func decimal(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        let rest = abs(hundredths % 100)
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
