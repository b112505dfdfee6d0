import NIOCore
import PosternModel
import SidecarCore

extension AgentTool {
    /// Round trips, each told as it comes back.
    static let ping = AgentTool(
        "ping",
        "Ping",
        .find,
        .looks,
        isSlow: true,
        """
        Measures round trips to a peer through the overlay and tells by which path. The peer learns that we are online.
        """,
        input: JSONSchema.schema(of: PingPeer.self),
        output: JSONSchema.schema(of: PingPeer.Answer.self)
    ) { call in
        do {
            let asked = try PingPeer(decoding: call.arguments)
            let count = asked.count ?? 4
            guard (1...100).contains(count) else {
                return call.backend.perform(asked, by: call.requester).map { JSONValue(encoding: $0) }
            }
            let round = PingRound(peer: asked.peer, count: count, call: call)
            return round.next(times: [], sent: 0).map { JSONValue(encoding: $0) }
        } catch {
            return call.loop.makeFailedFuture(error)
        }
    }
}

/// Round trips one after another.
private struct PingRound: Sendable {
    let peer: PeerName
    let count: Int
    let call: AgentCall

    /// The rest of the round, of which `sent` were made and took `times`.
    func next(times: [Double], sent: Int) -> EventLoopFuture<PingPeer.Answer> {
        call.backend.perform(PingPeer(peer: peer, count: 1), by: call.requester).flatMap { answer in
            let all = times + [answer.rttMs?.median].compactMap(\.self)
            let done = sent + 1
            let text = answer.rttMs.map { "\($0.median) ms" } ?? "no answer"
            call.progress(Double(done), Double(count), text)
            guard done < count else {
                let result = PingPeer.Answer(sent: done, milliseconds: all, path: answer.path)
                return call.loop.makeSucceededFuture(result)
            }
            return next(times: all, sent: done)
        }
    }
}
