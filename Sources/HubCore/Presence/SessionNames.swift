import PosternModel

/// Which nodes have changed their keys, of those that have registered since the hub began: what is kept of a node, and
/// who talks with it, is under its name, the first key; its session has its current key (RULES N11).
struct SessionNames: Hashable, Sendable {
    private var names: [NodeKey: NodeKey] = [:]
    private var sessions: [NodeKey: NodeKey] = [:]

    /// Whose session it is that has the key `session`; nil: that of a node which is known to have another key now.
    func name(of session: NodeKey) -> NodeKey? {
        if let name = names[session] { return name }
        return sessions[session] == nil ? session : nil
    }

    /// The key that the session with `node` has.
    func session(of node: NodeKey) -> NodeKey { sessions[node] ?? node }

    /// Whether `node` is known to have another key than its first one.
    func isChanged(_ node: NodeKey) -> Bool { sessions[node] != nil }

    /// `node` has shown that its key is `key`.
    mutating func note(_ key: NodeKey, of node: NodeKey) {
        if let former = sessions.updateValue(key, forKey: node) { names[former] = nil }
        names[key] = node
    }
}
