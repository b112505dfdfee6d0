/// The members of a JSON object in their order, each key once.
///
/// Keys are compared byte by byte, as JSON means them. Looking a key up takes time linear in the number of members:
/// objects are records, not tables.
package struct JSONObject: Hashable, Sendable {
    /// A key and what stands behind it.
    package struct Member: Hashable, Sendable {
        /// The name, unique in its object.
        package let key: String
        /// What the name stands for.
        package var value: JSONValue
    }

    /// The members in the order in which they were read or set.
    package private(set) var members: [Member] = []

    /// An object without members.
    package init() {}

    /// The members in `members`, whose keys the caller has found to differ.
    init(distinct members: [Member]) {
        self.members = members
    }

    /// The keys in their order.
    package var keys: [String] { members.map(\.key) }

    /// The value of the member `key`. Setting nil removes the member; setting a value keeps the place of one that is
    /// there, and else appends.
    package subscript(_ key: String) -> JSONValue? {
        get {
            position(of: key).map { members[$0].value }
        }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?): members[position].value = value
            case (let position?, nil): members.remove(at: position)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    private func position(of key: String) -> Int? {
        // Unequal texts are told apart faster than by their bytes; equal ones may differ in bytes.
        members.firstIndex { $0.key == key && $0.key.utf8.elementsEqual(key.utf8) }
    }
}
