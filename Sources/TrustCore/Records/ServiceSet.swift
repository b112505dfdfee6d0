package import OverlayWire

/// Which services a grant is for.
package enum ServiceSet: Hashable, Sendable {
    /// Every service that the giver's own `allow` rules let the subject reach.
    case all
    /// These services only. Empty: a session and nothing more.
    case names(Set<String>)

    /// Whether the service `name` is among them.
    package func contains(_ name: String) -> Bool {
        switch self {
        case .all: true
        case .names(let names): names.contains(name)
        }
    }

    /// Whether everything in this set is also in `other`.
    package func isSubset(of other: ServiceSet) -> Bool {
        switch (self, other) {
        case (_, .all): true
        case (.all, .names): false
        case (.names(let mine), .names(let theirs)): mine.isSubset(of: theirs)
        }
    }

    /// The set that a person wrote: nothing or `*` means all. Nil when a name is not one of a service.
    package init?(list: [String]) {
        if list.isEmpty || list == ["*"] {
            self = .all
            return
        }
        guard list.count <= RecordLimits.services, list.allSatisfy(ServiceName.isValid) else { return nil }
        self = .names(Set(list))
    }

    /// The set in a record: the text `all` or an array of names.
    package init?(json: JSONValue) {
        if json == "all" {
            self = .all
            return
        }
        guard let values = json.array, values.count <= RecordLimits.services else { return nil }
        let names = values.compactMap(\.string).filter(ServiceName.isValid)
        guard names.count == values.count, Set(names).count == names.count else { return nil }
        self = .names(Set(names))
    }

    /// The form in a record; names are sorted, so that equal sets have equal bytes.
    package var json: JSONValue {
        switch self {
        case .all: "all"
        case .names(let names): .texts(names.sorted())
        }
    }
}

/// Names of services: 1…63 of `a-z`, `A-Z`, `0-9`, `-`, `_`, `.`, as they appear in configuration files.
package enum ServiceName {
    /// Whether `name` can be the name of a service.
    package static func isValid(_ name: String) -> Bool {
        guard (1...63).contains(name.utf8.count) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
            case _: false
            }
        }
    }
}
