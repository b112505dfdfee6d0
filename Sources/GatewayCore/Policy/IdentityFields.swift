/// By which fields an agent is told who calls it. Copies that a client sends are removed, whatever they are called.
package struct IdentityFields: Hashable, Sendable {
    /// The peer's did.
    package var peer = "Postern-Peer"
    /// How we call it.
    package var peerName = "Postern-Peer-Name"
    /// The network in which we know it.
    package var network = "Postern-Network"
    /// Whether ``CallerAssertion`` stands beside them.
    package var areAsserted = false

    /// The usual names.
    package init() {}

    /// The names that are not ours anyway, in the form of ``fold(_:_:)``.
    var foreign: [[UInt8]] {
        let usual = IdentityFields()
        return [(peer, usual.peer), (peerName, usual.peerName), (network, usual.network)]
            .filter { $0.0.lowercased() != $0.1.lowercased() }
            .map { Self.fold(Array($0.0.utf8).span, 0..<$0.0.utf8.count) }
    }

    /// The name in `range` as servers see it that hand fields over as environment variables: they turn every other
    /// octet than letters and digits into `_`.
    static func fold(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        range.map { ASCII.isAlphanumeric(bytes[$0]) ? ASCII.lowercase(bytes[$0]) : UInt8(ascii: "_") }
    }
}
