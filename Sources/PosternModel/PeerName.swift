/// What stands where a peer is named: a did, an overlay address, a name, or one of these in an `agent://` URI.
///
/// Two names are equal when they mean the same, however they are written.
package struct PeerName: Sendable {
    /// What the text says; who that is depends on what this node knows.
    package enum Meaning: Hashable, Sendable {
        /// The node with this key.
        case key(NodeKey)
        /// The node with this address.
        case address(OverlayAddress)
        /// A name in lower case, without the overlay's suffix.
        case name(String)
    }

    /// What it says.
    package let meaning: Meaning
    /// The name as it was written.
    private let text: String

    /// Domain of overlay names (RFC 9476 reserves `.alt`).
    private static let suffix = ".postern.alt"
    private static let scheme = "agent://"

    /// The name in `text`, or nil when it is none.
    package init?(_ text: some StringProtocol) {
        var bare = text[...]
        if bare.hasPrefix(Self.scheme) {
            bare = bare.dropFirst(Self.scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        }
        if bare.hasPrefix("did:") {
            guard let key = NodeKey(did: bare) else { return nil }
            meaning = .key(key)
        } else if bare.contains(":") {
            guard let address = OverlayAddress(bare) else { return nil }
            meaning = .address(address)
        } else {
            guard HostName.isDotted(bare) else { return nil }
            var name = bare.lowercased()
            if name.hasSuffix(Self.suffix) { name.removeLast(Self.suffix.count) }
            meaning = .name(name)
        }
        self.text = String(text)
    }

    /// The name in a host that ends like the overlay's; nil for any other host.
    package init?(overlayHost host: some StringProtocol) {
        guard host.hasSuffix(Self.suffix), host.utf8.count > Self.suffix.utf8.count, HostName.isDotted(host) else {
            return nil
        }
        self.init(host)
    }

    /// The host under which programs address the peer that is called `name` here.
    package static func host(of name: String) -> String { name + suffix }

    /// The name that means `key` whatever else is known.
    package init(_ key: NodeKey) {
        meaning = .key(key)
        text = key.did
    }

    /// The node with `key`, which is shown as `name` whatever that name means.
    package init(_ key: NodeKey, shownAs name: PeerName) {
        meaning = .key(key)
        text = name.text
    }
}

extension PeerName: Hashable {
    package static func == (lhs: PeerName, rhs: PeerName) -> Bool { lhs.meaning == rhs.meaning }

    package func hash(into hasher: inout Hasher) { hasher.combine(meaning) }
}

extension PeerName: CustomStringConvertible {
    /// As it was written.
    package var description: String { text }
}
