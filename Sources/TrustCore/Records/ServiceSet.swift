package import PosternModel

/// Which services a grant is for.
package enum ServiceSet: Hashable, Sendable {
    /// Every service that the giver's own `allow` rules let the subject reach.
    case all
    /// These services only. Empty: a session and nothing more.
    case names(Set<ServiceName>)

    /// Whether the service `name` is among them.
    package func contains(_ name: ServiceName) -> Bool {
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

    /// What is in either of the two; `other` alone when both together are more than a record may name.
    package func union(_ other: ServiceSet) -> ServiceSet {
        switch (self, other) {
        case (.all, _), (_, .all): return .all
        case (.names(let mine), .names(let theirs)):
            let names = mine.union(theirs)
            return .names(names.count <= RecordLimits.services ? names : theirs)
        }
    }

    /// What is in this set and not in `other`; all when that cannot be named.
    package func subtracting(_ other: ServiceSet) -> ServiceSet {
        switch (self, other) {
        case (_, .all): .names([])
        case (.all, .names): .all
        case (.names(let mine), .names(let theirs)): .names(mine.subtracting(theirs))
        }
    }

    /// The set that a person wrote: nothing or `*` means all. Nil when a name is not one of a service.
    package init?(list: [String]) {
        if list.isEmpty || list == ["*"] {
            self = .all
            return
        }
        let names = list.compactMap { ServiceName($0) }
        guard list.count <= RecordLimits.services, names.count == list.count else { return nil }
        self = .names(Set(names))
    }

    /// The set in a record: the text `all` or an array of names.
    package init?(json: JSONValue) {
        if json == "all" {
            self = .all
            return
        }
        guard let values = json.array, values.count <= RecordLimits.services else { return nil }
        let names = values.compactMap { $0.string.flatMap { ServiceName($0) } }
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
