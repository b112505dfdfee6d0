/// Something that is given arbitrary bytes: it must not trap, and what it says about them must hold.
package struct FuzzSubject: Sendable {
    /// The name on the command line and of the folder of its corpus.
    package let name: String
    /// Gives it `bytes`. A trap is a finding.
    package let receive: @Sendable (_ bytes: [UInt8]) -> Void

    /// Every parser that reads what others wrote, and every machine that others drive.
    package static let all: [FuzzSubject] = [
        FuzzSubject(name: "Frames", receive: Frames.receive),
        FuzzSubject(name: "Handshake", receive: Handshake.receive),
        FuzzSubject(name: "Gateway", receive: GatewayAnswers.receive),
        FuzzSubject(name: "HTTP", receive: HTTPMessages.receive),
        FuzzSubject(name: "JSON", receive: JSONText.receive),
        FuzzSubject(name: "YAML", receive: ConfigurationText.receive),
        FuzzSubject(name: "Invitations", receive: InvitationText.receive),
        FuzzSubject(name: "Records", receive: Records.receive),
        FuzzSubject(name: "Journal", receive: Journal.receive),
        FuzzSubject(name: "Audit", receive: AuditText.receive),
        FuzzSubject(name: "Calls", receive: Calls.receive),
        FuzzSubject(name: "NodeOperations", receive: NodeOperations.receive),
        FuzzSubject(name: "SidecarOperations", receive: SidecarOperations.receive),
        FuzzSubject(name: "HubOperations", receive: HubOperations.receive),
        FuzzSubject(name: "NetworkOperations", receive: NetworkOperations.receive),
        FuzzSubject(name: "ProxyOperations", receive: ProxyOperations.receive),
    ]

    /// The subject of this name.
    package init?(named name: String) {
        guard let subject = Self.all.first(where: { $0.name == name }) else { return nil }
        self = subject
    }

    init(name: String, receive: @escaping @Sendable ([UInt8]) -> Void) {
        self.name = name
        self.receive = receive
    }
}

/// Bytes as a sequence of choices, so that a fuzzer that changes one byte changes one step.
struct Choices {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Whether there is nothing left to choose by.
    var isEmpty: Bool { rest.isEmpty }

    /// The next byte, or 0 behind the end.
    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// One of `options`, of which there is at least one.
    mutating func pick<Option>(_ options: [Option]) -> Option { options[Int(byte()) % options.count] }

    /// A number from 0 up to, not including, `limit`.
    mutating func number(below limit: Int) -> Int { (Int(byte()) << 8 | Int(byte())) % limit }

    /// Up to `limit` bytes as they come, as many as the next byte says.
    mutating func bytes(upTo limit: Int) -> [UInt8] {
        let count = min(Int(byte()), limit, rest.count)
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
