import PosternModel

/// Names the receiver of one client's push notifications, between the two sidecars (RULES P): 128 bits that nobody
/// guesses.
package struct CallbackID: Hashable, Sendable {
    /// 32 hexadecimal digits in lower case.
    package let text: String

    private static let count = 32
    private static let scheme = "http://"
    private static let domain = ".callback.postern.alt/"

    /// The name in `text`, or nil.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == Self.count, text.utf8.allSatisfy({ ASCII.hexadecimal($0) != nil }) else { return nil }
        guard !text.utf8.contains(where: { ASCII.lowercase($0) != $0 }) else { return nil }
        self.text = String(text)
    }

    /// A new name, from `generator`.
    package init(using generator: inout some RandomNumberGenerator) {
        let words = [generator.next(), generator.next()] as [UInt64]
        text = words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// The URL that stands for it between the sidecars.
    package var overlayURL: String { Self.scheme + text + Self.domain }

    /// The name in a URL between the sidecars; nil for any other URL.
    package init?(overlayURL url: String) {
        guard url.hasPrefix(Self.scheme), url.hasSuffix(Self.domain) else { return nil }
        self.init(url.dropFirst(Self.scheme.count).dropLast(Self.domain.count))
    }
}

/// What becomes of the URLs of receivers that a client registers with an agent.
package protocol CallbackMapping: Sendable {
    /// What the next hop towards the agent gets in place of `url`; nil leaves it.
    func forward(_ url: String) -> String?

    /// What the next hop towards the client gets in place of `url`; nil leaves it.
    func giveBack(_ url: String) -> String?
}

/// The exposing end's part: receivers of a peer become addresses of ours, which lead through the overlay to that peer
/// and to nobody else.
struct ExposedCallbacks: CallbackMapping {
    /// Where the agent finds the receivers of this peer.
    private let base: String

    /// Receivers of the peer with this `did`, at our loopback `port`.
    init(did: String, port: UInt16) {
        base = "http://127.0.0.1:\(port)/\(CallbackPath.peerText(did: did))/"
    }

    func forward(_ url: String) -> String? { CallbackID(overlayURL: url).map { base + $0.text } }

    func giveBack(_ url: String) -> String? {
        guard url.hasPrefix(base) else { return nil }
        return CallbackID(url.dropFirst(base.count))?.overlayURL
    }
}

/// `/PEER/ID`: how an agent addresses the receivers of peers.
struct CallbackPath {
    let peer: NodeKey
    let id: CallbackID

    private static let scheme = "did:key:"

    /// The part of a `did` that tells keys apart.
    static func peerText(did: String) -> String { String(did.dropFirst(scheme.count)) }

    /// The path in `target`; nil when it is another.
    init?(_ target: String) {
        let parts = target.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].isEmpty, let peer = NodeKey(did: Self.scheme + parts[1]),
            let id = CallbackID(parts[2])
        else { return nil }
        self.peer = peer
        self.id = id
    }
}

/// Where the URLs of receivers stand in A2A's messages, JSON-RPC and HTTP+JSON, 1.0 and 0.3.
enum PushConfigurations {
    /// Methods whose results have receivers: A2A 1.0 §9.4.7–9.4.9, 0.3 §7.5–7.7.
    private static let methods: Set<String> = [
        "CreateTaskPushNotificationConfig", "GetTaskPushNotificationConfig", "ListTaskPushNotificationConfigs",
        "ListTaskPushNotificationConfig", "tasks/pushNotificationConfig/set", "tasks/pushNotificationConfig/get",
        "tasks/pushNotificationConfig/list",
    ]
    private static let names: Set<String> = [
        "pushNotificationConfig", "taskPushNotificationConfig", "push_notification_config",
        "task_push_notification_config",
    ]
    private static let path = "/pushNotificationConfigs"

    /// Whether the result of `method` has receivers.
    static func areReturned(by method: String) -> Bool { methods.contains(method) }

    /// Whether what stands at `target` has receivers.
    static func stand(at target: String) -> Bool {
        let path = target.prefix { $0 != "?" }
        return path.hasSuffix(Self.path) || path.contains(Self.path + "/")
    }

    /// Whether `member` of a request is a receiver's URL.
    ///
    /// - Parameter isConfiguration: the whole request, or its `params`, is the configuration of a task.
    static func isReceiver(_ member: JSONMember, isConfiguration: Bool) -> Bool {
        guard member.path.last == "url" else { return false }
        var parents = member.path.dropLast()
        if parents.first == "params" { parents = parents.dropFirst() }
        guard let name = parents.popLast() else { return isConfiguration }
        guard names.contains(name) else { return false }
        // SendMessage and its like keep it in `configuration`; what a user says in `message` is nobody's receiver.
        return parents.isEmpty || Array(parents) == ["configuration"] || Array(parents) == ["config"]
    }
}
