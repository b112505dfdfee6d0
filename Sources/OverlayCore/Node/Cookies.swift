import OverlayCrypto
import OverlayWire
import PosternModel

/// The cookies that this node gives to those who begin handshakes while it is under load (`Protocol.md` §4.7).
///
/// It keeps two secrets and nothing else: a cookie is computed again whenever somebody shows one.
struct Cookies {
    /// How long one secret makes cookies. They are good for as long again.
    static let lifetime = Interval.seconds(120)

    private struct Aged {
        var secret: CookieSecret
        var since: Instant
    }

    private var current: Aged?
    private var previous: Aged?

    /// The cookie for who sends from `endpoint`.
    mutating func cookie(for endpoint: Endpoint, random: RandomSource, at now: Instant) -> MACKey {
        if let current, now - current.since < Self.lifetime { return current.secret.cookie(for: endpoint) }
        previous = current
        let next = Aged(secret: CookieSecret(from: random), since: now)
        current = next
        return next.secret.cookie(for: endpoint)
    }

    /// Whether the second MAC of `initiation`, which stands at `offset`, proves that its sender receives at `endpoint`.
    func prove(_ initiation: RawSpan, at offset: Int, from endpoint: Endpoint, at now: Instant) -> Bool {
        for candidate in [current, previous] {
            guard let candidate, now - candidate.since < Self.lifetime * 2 else { continue }
            let cookie = candidate.secret.cookie(for: endpoint)
            if HandshakeMAC.verify(initiation, at: offset, key: cookie) { return true }
        }
        return false
    }
}

/// The cookies that a peer gave to this node, one for each way to it.
struct KeptCookies {
    /// As many as a peer has candidates, its relay and the path in use.
    static let maximum = Peer.maximumCandidates + 2

    private struct Kept {
        var way: Endpoint
        var cookie: MACKey
        var at: Instant
    }

    private var kept: [Kept] = []

    /// Keeps `cookie`, which came from `way`; the oldest beyond ``maximum`` goes.
    mutating func add(_ cookie: MACKey, from way: Endpoint, at now: Instant) {
        kept.removeAll { $0.way == way || now - $0.at >= Cookies.lifetime }
        if kept.count == Self.maximum { kept.removeFirst() }
        kept.append(Kept(way: way, cookie: cookie, at: now))
    }

    /// What to prove ourselves with on `way`. A peer with several addresses may have answered from another one: a
    /// cookie stands for our address, not for the peer's.
    func cookie(for way: Endpoint, at now: Instant) -> MACKey? {
        let living = kept.filter { now - $0.at < Cookies.lifetime }
        let found = living.last { $0.way == way } ?? living.last { !$0.way.isDetour && !way.isDetour }
        return found?.cookie
    }
}

// Packets of type `03`, in both directions.
extension Node {
    /// Asks the sender of `initiation` to prove that it receives at the other end of `path`.
    mutating func sendCookie(
        for initiation: RawSpan,
        to ours: AnsweringKey,
        on path: AddressPair,
        at now: Instant
    ) {
        guard outgoing.count < Self.maximumAnswers,
            let index = try? initiation.load(UInt32.self, at: PacketLayout.Initiation.senderIndex),
            let mac1 = try? initiation.copyBytes(PacketLayout.Initiation.mac1)
        else {
            shared.statistics.dropped.overLimit += 1
            return
        }
        let cookie = cookies.cookie(for: path.remote, random: shared.random, at: now)
        let nonce = shared.random.bytes(CookieSeal.nonceSize)
        let packet = PacketWriter.bytes(capacity: PacketLayout.Cookie.byteCount) {
            $0.append(PacketType.cookie.rawValue)
            $0.append(bigEndian: index)
            $0.append(nonce)
            $0.append(CookieSeal.seal(cookie, nonce: nonce, mac1: mac1, key: ours.cookieKey))
        }
        outgoing.append(OutgoingHandshake(path: path, bytes: packet))
        shared.statistics.cookiesSent += 1
    }

    /// The peer is under load: the cookie goes into our first message when it is repeated.
    mutating func receiveCookie(_ packet: RawSpan, on path: AddressPair, at now: Instant) {
        typealias Layout = PacketLayout.Cookie
        guard packet.byteCount == Layout.byteCount,
            let ours = try? packet.load(UInt32.self, at: Layout.receiverIndex),
            let nonce = try? packet.copyBytes(Layout.nonce..<Layout.sealed),
            let sealed = try? packet.copyBytes(Layout.sealed..<Layout.byteCount)
        else {
            shared.statistics.dropped.malformed += 1
            return
        }
        guard let slot = shared.indices.slot(of: ReceiverIndex(ours)), let peer = peers[slot],
            let pending = peer.pending, pending.index.rawValue == ours
        else {
            shared.statistics.dropped.unknownIndex += 1
            return
        }
        let mac1 = Array(pending.packet[PacketLayout.Initiation.mac1])
        let key = CookieSeal.key(for: peer.handshakeKey)
        guard let cookie = CookieSeal.open(sealed, nonce: nonce, mac1: mac1, key: key) else {
            shared.statistics.dropped.unauthentic += 1
            return
        }
        peer.cookies.add(cookie, from: path.remote, at: now)
    }

    /// Queues message 1 for one path to the peer, with a second MAC if the peer has asked for it.
    mutating func send(_ pending: PendingHandshake, of peer: Peer, on path: AddressPair, at now: Instant) {
        pending.note(sentTo: path.remote)
        if path == peer.session?.path?.addresses { peer.session?.path?.spend(pending.packet.count) }
        var bytes = pending.packet
        if let cookie = peer.cookies.cookie(for: path.remote, at: now) {
            bytes.removeLast(HandshakeMAC.byteCount)
            bytes += HandshakeMAC.mac(bytes, key: cookie)
        }
        outgoing.append(OutgoingHandshake(path: path, bytes: bytes))
    }
}
