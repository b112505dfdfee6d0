import OverlayWire
import PosternModel
import TrustCore

extension RelayChannel {
    /// The form in which requests, answers and events name a channel.
    var json: JSONValue { .integer(Int64(rawValue)) }
}

extension JSONFields {
    /// The channel in the member `channel`.
    func channel() throws(RecordError) -> RelayChannel {
        guard let number = UInt32(exactly: try integer("channel")) else { throw .invalid("channel") }
        return RelayChannel(number)
    }
}
