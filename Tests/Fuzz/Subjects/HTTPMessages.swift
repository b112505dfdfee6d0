import GatewayCore
import PosternModel

/// Arbitrary bytes as requests and, behind the first zero byte, as responses. The second run gets the same bytes in
/// small pieces and has to decide the same.
enum HTTPMessages {
    static func receive(_ bytes: [UInt8]) {
        let end = bytes.firstIndex(of: 0) ?? bytes.count
        for policy in policies {
            let whole = run(policy, bytes[..<end], bytes[end...].dropFirst(), step: .max)
            let pieces = run(policy, bytes[..<end], bytes[end...].dropFirst(), step: 7)
            precondition(whole == pieces, "pieces of a message mean what the message means")
        }
    }

    private static var policies: [ForwardingPolicy] {
        guard let name = ServiceName("planner") else { preconditionFailure("the name is valid") }
        let service = ExposedService(
            service: Service(name: name, port: VirtualPort(80), kind: .a2a),
            upstream: .loopback(9999)
        )
        var ruled = service
        ruled.methods = MethodRules(allow: nil, deny: ["tools/call:delete_*"].compactMap { MethodPattern($0) })
        return [
            .expose(ExposePolicy(ruled, did: "did:key:zAlice", peerName: nil, network: nil, callbackPort: 7777)),
            .reach(ReachPolicy(names: OwnNames(overlayNames: ["planner.acme.postern.alt"]), offersUpgrade: true)),
            .expose(ExposePolicy(service, did: "did:key:zAlice", peerName: "alice", network: "acme")),
        ]
    }

    /// How much was taken, and why the rest was refused.
    private struct Outcome: Equatable {
        var errors: [GatewayError] = []
        var outstanding = 0
    }

    private static func run(
        _ policy: ForwardingPolicy,
        _ requests: ArraySlice<UInt8>,
        _ responses: ArraySlice<UInt8>,
        step: Int
    ) -> Outcome {
        var http = HTTP1ConnectionState(policy: policy, scratch: HeadScratch())
        var outcome = Outcome()
        var held: [UInt8] = []
        do throws(GatewayError) {
            for piece in pieces(requests, step) {
                held += piece
                let count = try http.receiveRequests(held.span)
                precondition(count >= 0 && count <= held.count, "no more is taken than was given")
                held.removeFirst(count)
            }
            for piece in pieces(responses, step) { try http.receiveResponses(piece.span) }
        } catch {
            outcome.errors.append(error)
            return outcome
        }
        if let error = http.endRequests() { outcome.errors.append(error) }
        if let error = http.endResponses() { outcome.errors.append(error) }
        outcome.outstanding = http.outstandingCount
        return outcome
    }

    private static func pieces(_ bytes: ArraySlice<UInt8>, _ step: Int) -> [[UInt8]] {
        guard step < bytes.count else { return bytes.isEmpty ? [] : [Array(bytes)] }
        return stride(from: bytes.startIndex, to: bytes.endIndex, by: step).map {
            Array(bytes[$0..<min($0 + step, bytes.endIndex)])
        }
    }
}
