import PosternModel

/// A client's connection through the gateways of two sidecars to an agent.
///
/// ```
/// client ⇄ reaching gateway ⇄ stream of the overlay ⇄ exposing gateway ⇄ agent
/// ```
final class GatewayCall {
    /// One way between two neighbours.
    enum Pipe: Int, CaseIterable {
        case clientToReach, reachToExpose, exposeToAgent, agentToExpose, exposeToReach, reachToClient
    }

    /// Which of the gateways.
    enum End {
        case reach, expose
    }

    let reach: GatewayEnd
    var expose: GatewayEnd?
    /// Gateways that went down with their sidecars.
    var isReachDead = false
    var isExposeDead = false
    var client: CallingClient
    var agent: CalledAgent
    var random: SeededRandom
    private var pipes: [[Piece]] = Pipe.allCases.map { _ in [] }

    init(number: Int, peer: NodeKey, seed: UInt64) {
        random = SeededRandom(seed: seed, purpose: .workload, index: 1 << 24 | number)
        reach = GatewayEnd(reaching: peer.did)
        client = CallingClient(number: number, requestCount: random.number(in: 1...4))
        agent = CalledAgent()
    }

    func put(_ piece: Piece, into pipe: Pipe) { pipes[pipe.rawValue].append(piece) }

    /// What comes out of `pipe` next.
    func take(from pipe: Pipe) -> Piece? {
        pipes[pipe.rawValue].isEmpty ? nil : pipes[pipe.rawValue].removeFirst()
    }

    /// Whether nothing of it is left in either gateway.
    var isOver: Bool {
        (reach.isRetired || isReachDead) && (expose.map { $0.isRetired || isExposeDead } ?? true)
    }
}

/// A client that asks one request after the other.
struct CallingClient {
    private let number: Int
    private let requestCount: Int
    private var asked = 0
    private var input = HTTPReader()
    /// Whether its connection is over.
    private(set) var isOver = false

    init(number: Int, requestCount: Int) {
        self.number = number
        self.requestCount = requestCount
    }

    /// Which request waits for its answer.
    var nonce: String { "\(number)-\(asked)" }

    /// The next request; nil when all were made.
    mutating func nextRequest(_ random: inout SeededRandom) -> [UInt8]? {
        guard asked < requestCount, !isOver else { return nil }
        asked += 1
        let body = Array(repeating: UInt8(ascii: "x"), count: random.below(3_000))
        let head = "POST /call HTTP/1.1\r\nHost: localhost\r\nNonce: \(nonce)\r\nContent-Length: \(body.count)\r\n\r\n"
        return Array(head.utf8) + body
    }

    /// The answers that are whole with `piece`.
    mutating func receive(_ piece: Piece) -> [HTTPReader.Message] {
        switch piece {
        case .bytes(let bytes): return input.read(bytes)
        case .end, .reset: isOver = true
        }
        return []
    }

    mutating func leave() { isOver = true }
}

/// An agent that answers each request with what it has seen of it.
struct CalledAgent {
    private var input = HTTPReader()
    private(set) var isConnected = false

    mutating func connect() { isConnected = true }
    mutating func disconnect() { isConnected = false }

    mutating func receive(_ bytes: [UInt8]) -> [HTTPReader.Message] { input.read(bytes) }

    /// How an agent answers.
    enum Manner: CaseIterable {
        case whole, chunked, brokenOff, closing
    }

    /// The answer to `request`; broken off it lacks its end.
    static func answer(to request: HTTPReader.Message, _ manner: Manner) -> [UInt8] {
        let text = "\(request.field("nonce") ?? "") \(request.field("postern-peer") ?? "")"
        let head = "HTTP/1.1 200 OK\r\n"
        switch manner {
        case .whole: return Array("\(head)Content-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8)
        case .closing:
            return Array("\(head)Connection: close\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8)
        case .brokenOff: return Array("\(head)Content-Length: \(text.utf8.count + 1)\r\n\r\n\(text)".utf8)
        case .chunked:
            let size = String(text.utf8.count, radix: 16)
            return Array("\(head)Transfer-Encoding: chunked\r\n\r\n\(size)\r\n\(text)\r\n0\r\n\r\n".utf8)
        }
    }
}

/// Reads messages whose bodies have a length or one chunk.
struct HTTPReader {
    struct Message {
        let startLine: String
        let fields: [(name: String, value: String)]
        let body: String

        func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }

        /// The status of a response.
        var status: Int? { startLine.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
    }

    private var bytes: [UInt8] = []

    /// Takes `more`; the messages that are whole now.
    mutating func read(_ more: [UInt8]) -> [Message] {
        bytes += more
        var messages: [Message] = []
        while let message = next() { messages.append(message) }
        return messages
    }

    private mutating func next() -> Message? {
        let end = Array("\r\n\r\n".utf8)
        guard let start = bytes.firstRange(of: end) else { return nil }
        let lines = String(decoding: bytes[..<start.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (
                name: parts[0].lowercased(),
                value: String(parts.count > 1 ? parts[1].drop { $0 == " " } : "")
            )
        }
        let rest = bytes[start.upperBound...]
        guard let (body, count) = body(in: rest, fields) else { return nil }
        bytes.removeFirst(start.upperBound + count)
        return Message(startLine: lines.first.map(String.init) ?? "", fields: fields, body: body)
    }

    /// The body at the start of `rest`, and the bytes that it takes there; nil while it is not whole.
    private func body(
        in rest: ArraySlice<UInt8>,
        _ fields: [(name: String, value: String)]
    ) -> (String, Int)? {
        if fields.contains(where: { $0.name == "transfer-encoding" }) {
            guard let end = rest.firstRange(of: Array("0\r\n\r\n".utf8)) else { return nil }
            let chunk = rest[..<end.lowerBound]
            let count = end.upperBound - rest.startIndex
            guard let line = chunk.firstRange(of: Array("\r\n".utf8)) else { return ("", count) }
            return (String(decoding: chunk[line.upperBound...].dropLast(2), as: UTF8.self), count)
        }
        let length = fields.first { $0.name == "content-length" }.flatMap { Int($0.value) } ?? 0
        guard rest.count >= length else { return nil }
        return (String(decoding: rest.prefix(length), as: UTF8.self), length)
    }
}
