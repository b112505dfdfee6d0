package import PosternModel

/// Whom a hub serves, as its operator has decided.
package struct HubAdmission: Hashable, Sendable {
    /// Whether only these may register. Others may still ask for a registered node that has let them.
    package var allowed: Set<NodeKey>?
    /// Nodes that are answered nothing but that they are not served.
    package var banned: Set<NodeKey>

    package init(allowed: Set<NodeKey>? = nil, banned: Set<NodeKey> = []) {
        self.allowed = allowed
        self.banned = banned
    }

    /// Whether a node that is not registered may become so.
    func admits(_ node: NodeKey) -> Bool { allowed?.contains(node) ?? true }
}

extension Hub {
    /// The operator has decided anew. Who is banned now loses its channels and its event stream.
    package mutating func admit(by admission: HubAdmission) -> [HubAction] {
        let shutOut = admission.banned.subtracting(self.admission.banned)
        self.admission = admission
        return shutOut.sorted().flatMap { node in
            apply(.leave(node)).map { addressed($0) } + [.endWatch(presence.names.session(of: node))]
        }
    }

    /// How many nodes are present, and how many pairs are relayed.
    package var load: (present: Int, bridges: Int) { (presence.watchers.count, relays.count) }
}
