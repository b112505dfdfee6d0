import FuzzDriver
import GatewayCore
import PosternModel

/// Arbitrary bytes as requests and, behind the first zero byte, as responses. The second run gets the same bytes in
/// small pieces and has to decide the same.
@main
enum FuzzHTTP {
    static func main() {
        let service = ExposedService(
            name: "planner",
            port: VirtualPort(80),
            kind: .a2a,
            upstreamHost: "127.0.0.1",
            upstreamPort: 9999,
            hostPolicy: .upstream
        )
        let rules: [Rules] = [
            .reach(ReachRules(names: OwnNames(overlayNames: ["planner.acme.postern.alt"]), offersUpgrade: true)),
            .expose(ExposeRules(service, did: "did:key:zAlice", peerName: "alice", network: "acme")),
        ]
        fuzz { bytes in
            let end = bytes.firstIndex(of: 0) ?? bytes.count
            for rule in rules {
                let whole = run(rule, bytes[..<end], bytes[end...].dropFirst(), step: .max)
                let pieces = run(rule, bytes[..<end], bytes[end...].dropFirst(), step: 7)
                precondition(whole == pieces, "pieces of a message mean what the message means")
            }
        }
    }

    /// How much was taken, and why the rest was refused.
    private struct Outcome: Equatable {
        var refusals: [Refusal] = []
        var outstanding = 0
    }

    private static func run(
        _ rules: Rules,
        _ requests: ArraySlice<UInt8>,
        _ responses: ArraySlice<UInt8>,
        step: Int
    ) -> Outcome {
        var exchange = Exchange(rules: rules, workspace: Workspace())
        var outcome = Outcome()
        var held: [UInt8] = []
        for piece in pieces(requests, step) {
            held += piece
            switch exchange.receiveRequests(held.span) {
            case .forward(let consumed):
                precondition(consumed >= 0 && consumed <= held.count, "no more is taken than was given")
                held.removeFirst(consumed)
            case .refuse(let refusal):
                outcome.refusals.append(refusal)
                return outcome
            }
        }
        for piece in pieces(responses, step) {
            switch exchange.receiveResponses(piece.span) {
            case .forward: break
            case .refuse(let refusal):
                outcome.refusals.append(refusal)
                return outcome
            }
        }
        if let refusal = exchange.endRequests() { outcome.refusals.append(refusal) }
        if let refusal = exchange.endResponses() { outcome.refusals.append(refusal) }
        outcome.outstanding = exchange.outstandingCount
        return outcome
    }

    private static func pieces(_ bytes: ArraySlice<UInt8>, _ step: Int) -> [[UInt8]] {
        guard step < bytes.count else { return bytes.isEmpty ? [] : [Array(bytes)] }
        return stride(from: bytes.startIndex, to: bytes.endIndex, by: step).map {
            Array(bytes[$0..<min($0 + step, bytes.endIndex)])
        }
    }
}
