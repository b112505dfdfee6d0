/// Counters of what went wrong below the overlay.
package struct UnderlayFailures: Hashable, Sendable {
    /// Packets or batches that the kernel refused to send.
    package var sends: UInt64 = 0
    /// Times that the kernel's send buffer was full.
    package var blockedSends: UInt64 = 0
    /// Errors that reading reported.
    package var reads: UInt64 = 0
    /// Sockets that closed and were opened anew.
    package var reopened: UInt64 = 0
}
