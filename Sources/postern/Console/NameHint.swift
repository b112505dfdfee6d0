/// What makes a name mean somebody.
enum NameHint {
    /// What to do about `name`, which nobody has here.
    static func binding(_ name: String) -> String {
        guard let dot = name.lastIndex(of: ".") else { return "bind it with `postern name DID \(name)`" }
        let (label, network) = (name[..<dot], name[name.index(after: dot)...])
        return "members have their names from the network: `postern network list` shows whether \(network) is joined, "
            + "and `postern network name \(network) DID \(label)` names a member so"
    }
}
