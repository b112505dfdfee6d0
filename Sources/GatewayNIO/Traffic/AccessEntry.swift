package import PosternModel

/// One request that ended, for the access log: neither bodies nor fields nor queries.
package struct AccessEntry: Hashable, Sendable {
    package let label: TrafficLabel
    /// Method and path; nil for what is not HTTP.
    package let request: String?
    /// 0: there was no response.
    package let status: Int
    /// The code of an error of ours.
    package let error: String?
    /// To the end, and to the first byte of the response.
    package let seconds: Double?
    package let firstByteSeconds: Double?

    /// The line of the log, but for its time.
    package var document: JSONObject {
        var object = JSONObject()
        object["direction"] = .string(label.direction.rawValue)
        object["service"] = .string(label.service)
        object["peer"] = .string(label.peer)
        let parts = request?.split(separator: " ", maxSplits: 1) ?? []
        object["method"] = parts.first.map { .string(String($0)) } ?? .null
        object["path"] = parts.count == 2 ? .string(String(parts[1])) : .null
        object["status"] = status == 0 ? .null : .integer(Int64(status))
        object["error"] = error.map { .string($0) } ?? .null
        object["durationMs"] = Self.milliseconds(seconds)
        object["firstByteMs"] = Self.milliseconds(firstByteSeconds)
        return object
    }

    private static func milliseconds(_ seconds: Double?) -> JSONValue {
        seconds.map { .double(($0 * 1_000_000).rounded() / 1_000) } ?? .null
    }
}
