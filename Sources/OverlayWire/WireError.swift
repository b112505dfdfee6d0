/// Why bytes from the network are not what they should be. Small and without text: junk must cost nothing.
package enum WireError: Error, Hashable, Sendable {
    /// The bytes end before the field does.
    case truncated
    /// A field has a value that its definition forbids.
    case invalidValue
    /// A frame type that this version does not define.
    case unknownFrame
}
