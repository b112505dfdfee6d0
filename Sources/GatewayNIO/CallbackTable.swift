import GatewayCore
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Where the receivers that clients registered outlive the process.
package protocol CallbackStore {
    /// What was saved last; nothing when there is none.
    func load() -> [UInt8]

    /// Keeps `content` in place of what was saved before, soon.
    func save(_ content: [UInt8])
}

/// The receivers of push notifications that clients here registered with agents of peers (RULES P). It alone says where
/// a callback leads: an agent names a receiver by a random id, and only one that was registered with it.
final class CallbackTable {
    private struct Receiver {
        let url: String
        /// Whose agents may call it.
        let peer: NodeKey
        var used: Timestamp
    }

    /// Receivers of one peer; the one that was unused for longest makes room.
    static let limitPerPeer = 256
    /// How long a receiver stays that nobody calls.
    static let lifetime = Interval.seconds(7 * 24 * 3600)
    /// How exactly uses are kept over restarts.
    private static let resolution = Interval.seconds(3600)

    private let store: (any CallbackStore)?
    private var receivers: [CallbackID: Receiver] = [:]
    private var random = SystemRandomNumberGenerator()

    /// The receivers in `store`; nil keeps them as long as the process.
    init(store: (any CallbackStore)?) {
        self.store = store
        let members = store.flatMap { try? JSONValue(parsing: $0.load()) }?.object?.members ?? []
        for member in members {
            guard let id = CallbackID(member.key), let url = member.value["receiver"]?.string,
                let peer = member.value["peer"]?.string.flatMap({ NodeKey(did: $0) }),
                let used = member.value["used"]?.integer
            else { continue }
            receivers[id] = Receiver(url: url, peer: peer, used: Timestamp(seconds: used))
        }
    }

    /// The id of the receiver `url` for the agents of `peer`: the same as before where it is known; `isNew` tells.
    func register(_ url: String, for peer: NodeKey) -> (id: CallbackID, isNew: Bool) {
        let now = Self.now
        dropUnused(at: now)
        let known = receivers.first { $0.value.peer == peer && $0.value.url == url }
        if let id = known?.key {
            touch(id, at: now)
            return (id, false)
        }
        let others = receivers.filter { $0.value.peer == peer }
        if others.count >= Self.limitPerPeer, let oldest = others.min(by: { $0.value.used < $1.value.used }) {
            receivers[oldest.key] = nil
        }
        let id = CallbackID(using: &random)
        receivers[id] = Receiver(url: url, peer: peer, used: now)
        save()
        return (id, true)
    }

    /// The receiver `id`, for an agent of `peer`; nil when it is not for that peer, or was not used for too long.
    func receiver(_ id: CallbackID, for peer: NodeKey) -> String? {
        let now = Self.now
        guard let receiver = receivers[id], receiver.peer == peer, now - receiver.used < Self.lifetime else {
            return nil
        }
        touch(id, at: now)
        return receiver.url
    }

    /// Forgets the receivers of `peer`, and returns how many there were.
    func end(_ peer: NodeKey) -> Int {
        let before = receivers.count
        receivers = receivers.filter { $0.value.peer != peer }
        if receivers.count < before { save() }
        return before - receivers.count
    }

    private func touch(_ id: CallbackID, at now: Timestamp) {
        guard let receiver = receivers[id], now - receiver.used > Self.resolution else { return }
        receivers[id]?.used = now
        save()
    }

    private func dropUnused(at now: Timestamp) {
        receivers = receivers.filter { now - $0.value.used < Self.lifetime }
    }

    private func save() {
        var document = JSONObject()
        for (id, receiver) in receivers.sorted(by: { $0.key.text < $1.key.text }) {
            document[id.text] = [
                "receiver": .string(receiver.url), "peer": .string(receiver.peer.did),
                "used": .integer(receiver.used.nanoseconds / 1_000_000_000),
            ]
        }
        store?.save(JSONValue.object(document).compactBytes + [UInt8(ascii: "\n")])
    }

    private static var now: Timestamp { Timestamp(seconds: Int64(time(nil))) }
}

/// What becomes of the receivers that clients of one reached service register.
struct ReachedCallbacks: CallbackMapping, @unchecked Sendable {  // confined to the gateway's loop
    let gateway: Gateway
    let peer: NodeKey
    let scope: PushScope

    func forward(_ url: String) -> String? {
        guard let address = WebAddress(url), address.scheme == "http",
            let place = HostPort(host: address.host, port: address.port ?? 80)
        else { return nil }
        switch scope {
        case .loopback: guard place.isLoopback else { return nil }
        case .any: break
        case .off: return nil
        }
        let (id, isNew) = gateway.callbacks.register(url, for: peer)
        if isNew { gateway.authority.noteReceiver(place.description, of: peer) }
        return id.overlayURL
    }

    func giveBack(_ url: String) -> String? {
        CallbackID(overlayURL: url).flatMap { gateway.callbacks.receiver($0, for: peer) }
    }
}
