import NIOCore
import NIOHTTP1
import NIOPosix
package import PosternModel

// The agent's messages, from a program that has them on its standard input.
extension ControlClient {
    /// Bytes of one message.
    private static let messageLimit = 16 << 20

    /// Sends a message of the agent, which is in the session `session`. `each` gets every message that comes back; the
    /// result is the session that it begins. Throws ``ControlClientError``.
    package func tellAgent(
        _ message: [UInt8],
        session: String?,
        each: (JSONValue) -> Void
    ) async throws -> String? {
        let channel = try await connect { channel in
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                wrappingChannelSynchronously: channel
            )
        }
        return try await channel.executeThenClose { inbound, outbound in
            var fields: HTTPHeaders = [
                "host": "localhost", "connection": "close", "content-length": "\(message.count)",
                "content-type": "application/json", "accept": "application/json, text/event-stream",
            ]
            if let session { fields.add(name: "mcp-session-id", value: session) }
            let path = ControlRoute.agentPath
            // At once: the answer, and with it the end of the connection, may come as soon as the body is there.
            let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: fields)
            try await outbound.write(
                contentsOf: [.head(head), .body(.byteBuffer(ByteBuffer(bytes: message))), .end(nil)]
            )
            var begun: String?
            var reader = EventReader(limit: Self.messageLimit)
            for try await part in inbound {
                switch part {
                case .head(let head):
                    begun = head.headers.first(name: "mcp-session-id")
                    let type = head.headers.first(name: "content-type")
                    reader.isEventStream = type?.hasPrefix("text/event-stream") == true
                case .body(let bytes):
                    for document in try reader.read(bytes.readableBytesView) { each(document) }
                case .end:
                    if let document = reader.end() { each(document) }
                    return begun
                }
            }
            throw ControlClientError.broken
        }
    }
}
