package import PosternModel

/// Finds the JSON documents in the body of a response: the one of a JSON body, or those of its events.
package struct EventReader {
    /// Whether the body is a stream of events (WHATWG HTML §9.2).
    package var isEventStream = false
    private var bytes: [UInt8] = []
    /// Of which so many were read.
    private var position = 0
    private var data = ""
    private let limit: Int

    /// The body, or one of its events, has more bytes than the reader takes.
    package struct TooLarge: Error {}

    /// A reader of bodies and events of at most `limit` bytes.
    package init(limit: Int) {
        self.limit = limit
    }

    /// The documents of the events that `more` completes. Throws ``TooLarge``.
    package mutating func read(_ more: some Sequence<UInt8>) throws(TooLarge) -> [JSONValue] {
        bytes += more
        guard bytes.count - position + data.utf8.count <= limit else { throw TooLarge() }
        guard isEventStream else { return [] }
        var documents: [JSONValue] = []
        while let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) {
            var line = String(decoding: bytes[position..<end], as: UTF8.self)
            position = end + 1
            if line.hasSuffix("\r") { line.removeLast() }
            if line.isEmpty {
                if let document = try? JSONValue(parsing: data) { documents.append(document) }
                data = ""
            } else if line.hasPrefix("data:") {
                data += (data.isEmpty ? "" : "\n") + line.dropFirst("data:".count).drop { $0 == " " }
            }
        }
        bytes.removeSubrange(..<position)
        position = 0
        return documents
    }

    /// The document that is the whole body; nil for events, and for what is no JSON.
    package func end() -> JSONValue? { isEventStream ? nil : try? JSONValue(parsing: bytes) }
}
