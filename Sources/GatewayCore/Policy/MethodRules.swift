package import PosternModel

/// Which JSON-RPC methods of a service peers may call (RULES J): deny beats allow, and with `allow` all else is denied.
package struct MethodRules: Hashable, Sendable {
    private let allowed: [MethodPattern]?
    private let denied: [MethodPattern]

    /// Rules of patterns; `allow` nil allows what is not denied.
    package init(allow: [MethodPattern]?, deny: [MethodPattern]) {
        allowed = allow
        denied = deny
    }

    /// Whether `method` may be called, with this `params.name` if it has one. A method that A2A renamed is meant by
    /// either name.
    package func allow(_ method: String, name: String?) -> Bool {
        let names = MethodNames.aliases(of: method)
        if denied.contains(where: { pattern in names.contains { pattern.matches($0, name: name) } }) { return false }
        guard let allowed else { return true }
        return allowed.contains { pattern in names.contains { pattern.matches($0, name: name) } }
    }

    /// Whether a call of `method` without `params.name` cannot be told from a denied one.
    func needsName(of method: String) -> Bool {
        let names = MethodNames.aliases(of: method)
        return denied.contains { pattern in names.contains(where: pattern.needsName) }
    }

    /// Whether `params.name` matters for `method`.
    func asksName(of method: String) -> Bool {
        let names = MethodNames.aliases(of: method)
        return (denied + (allowed ?? [])).contains { pattern in names.contains(where: pattern.asksName) }
    }
}

/// What methods are called in A2A 1.0 and in 0.3, and by which paths HTTP+JSON calls them.
enum MethodNames {
    private static let groups: [Set<String>] = [
        ["SendMessage", "message/send"], ["SendStreamingMessage", "message/stream"], ["GetTask", "tasks/get"],
        ["ListTasks", "tasks/list"], ["CancelTask", "tasks/cancel"], ["SubscribeToTask", "tasks/resubscribe"],
        ["CreateTaskPushNotificationConfig", "tasks/pushNotificationConfig/set"],
        ["GetTaskPushNotificationConfig", "tasks/pushNotificationConfig/get"],
        [
            "ListTaskPushNotificationConfigs", "ListTaskPushNotificationConfig", "tasks/pushNotificationConfig/list",
        ],
        ["DeleteTaskPushNotificationConfig", "tasks/pushNotificationConfig/delete"],
        ["GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard", "agent/authenticatedExtendedCard"],
    ]

    /// Every name of `method`, itself among them.
    static func aliases(of method: String) -> Set<String> {
        groups.first { $0.contains(method) } ?? [method]
    }

    /// The method that `verb` at `target` calls in HTTP+JSON (A2A 1.0 §11.3, 0.3 §3.5.3); nil when it is none.
    static func method(_ verb: String, _ target: String) -> String? {
        let path = decoded(target.prefix { $0 != "?" && $0 != "#" })
        let parts = path.split(separator: "/").map { $0.lowercased() }
        guard let last = parts.last else { return nil }
        let isRead = verb == "GET" || verb == "HEAD"
        switch last {
        case "message:send": return "SendMessage"
        case "message:stream": return "SendStreamingMessage"
        case "extendedagentcard", "authenticatedextendedcard": return "GetExtendedAgentCard"
        case "card" where parts.dropLast().last == "v1": return "GetExtendedAgentCard"
        case "tasks" where isRead: return "ListTasks"
        case "pushnotificationconfigs":
            return isRead ? "ListTaskPushNotificationConfigs" : "CreateTaskPushNotificationConfig"
        case _: break
        }
        switch parts.dropLast().last {
        case "pushnotificationconfigs":
            return isRead ? "GetTaskPushNotificationConfig" : "DeleteTaskPushNotificationConfig"
        case "tasks":
            if last.hasSuffix(":cancel") { return "CancelTask" }
            if last.hasSuffix(":subscribe") { return "SubscribeToTask" }
            return isRead ? "GetTask" : nil
        case _: return nil
        }
    }

    /// `path` as agents read it that decode what is percent-encoded.
    private static func decoded(_ path: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(path.utf8)[...]
        while let octet = rest.popFirst() {
            if octet == UInt8(ascii: "%"), rest.count >= 2, let high = ASCII.hexadecimal(rest[rest.startIndex]),
                let low = ASCII.hexadecimal(rest[rest.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(octet)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
