/// The body of a request behind a gate: withheld with its head until the gate opens, and followed to its end.
struct GatedBody {
    private let gate: MethodGate
    private let inspector: (any BodyInspector)?
    private let share: WithheldShare
    /// Takes chunk sizes off for the gate.
    private var framing: ChunkedFraming?
    /// The head and what came behind it; nil once they were sent.
    private var withheld: [UInt8]?
    private var contentCount = 0

    init(gate: MethodGate, inspector: (any BodyInspector)?, isChunked: Bool, share: WithheldShare, head: [UInt8]) {
        self.gate = gate
        self.inspector = inspector
        self.share = share
        framing = isChunked ? ChunkedFraming() : nil
        withheld = head
    }

    var isWithheld: Bool { withheld != nil }

    /// Takes the part of the body that stands in `range` of the input; `ends` says that it is the last.
    mutating func receive(
        _ input: Span<UInt8>,
        _ range: Range<Int>,
        ends: Bool,
        plan: inout ForwardPlan
    ) throws(GatewayError) {
        let part = input.extracting(range)
        var parts: [Range<Int>] = []
        if framing != nil {
            framing?.forEachContent(of: part) { parts.append($0) }
        } else {
            parts.append(0..<part.count)
        }
        var isOpen = false
        for range in parts {
            let content = part.extracting(range)
            contentCount += content.count
            inspector?.inspect(content)
            isOpen = try gate.read(content, ends: false)
        }
        if ends { isOpen = try gate.read(Span(), ends: true) }
        guard var held = withheld else { return plan.append(input: range) }
        held.append(contentsOf: input, range)
        guard isOpen else {
            guard contentCount <= MethodGate.limit, held.count <= 2 * MethodGate.limit, share.take(range.count) else {
                throw gate.tooLong
            }
            withheld = held
            return
        }
        withheld = nil
        plan.append { $0.append(contentsOf: held) }
    }
}
