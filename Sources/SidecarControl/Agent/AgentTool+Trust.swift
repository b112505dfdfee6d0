import NIOCore
import PosternModel
import SidecarCore

extension AgentTool {
    /// Asks for trust and gives none: what a peer gets of ours is the operator's to say (S3).
    static let requestTrust = AgentTool(
        "request_trust",
        "Ask for trust",
        .request,
        .adds,
        isSlow: true,
        needs: { RequestTrust.redeemsInvitation($0) ? .invite : nil },
        """
        Asks a peer's owner to let us use services of theirs; somebody there decides, which may take days. The peer \
        learns our did, name and hubs and the note, and gets nothing of ours. Follow it with trust_list. An invitation \
        in place of the peer redeems it, which needs the permission `invite`.
        """,
        input: Self.schemaWithoutDirection,
        output: JSONSchema.schema(of: RequestTrust.Answer.self),
        run: { call in
            do {
                let asked = try RequestTrust(decoding: call.arguments).givingNothing
                return call.backend.perform(asked, by: call.requester).map { JSONValue(encoding: $0) }
            } catch {
                return call.loop.makeFailedFuture(error)
            }
        }
    )

    private static var schemaWithoutDirection: JSONValue {
        var schema = JSONSchema.schema(of: RequestTrust.self).object ?? JSONObject()
        var properties = schema["properties"]?.object ?? JSONObject()
        properties["oneWay"] = nil
        schema["properties"] = .object(properties)
        return .object(schema)
    }
}
