import NIOCore
import OverlayCore
import OverlayWire

/// What carries packets below the overlay. It lives on the event loop of the node that it serves.
protocol Underlay: AnyObject {
    /// Our ends of the paths that it carries, the preferred one first: `Transmit.source` is one of them.
    var localAddresses: [Endpoint] { get }
    /// Where peers may reach this node through it, the most promising first, each with the local address behind it.
    var reachable: [(endpoint: Endpoint, base: Endpoint)] { get }
    /// The most packets that one call of ``send(_:_:)`` hands on together.
    var maximumSegments: Int { get }

    /// Begins to pass on to `client` what arrives.
    func start(for client: any UnderlayClient) -> EventLoopFuture<Void>

    /// Closes. Nothing is passed on any more.
    func stop() -> EventLoopFuture<Void>

    /// Looks at the host's addresses again. Returns whether they changed.
    func refresh() -> Bool

    /// Sends the packets of `transmit`, which stand one behind the other in `bytes`.
    func send(_ bytes: UnsafeRawBufferPointer, _ transmit: Transmit) -> SendOutcome
}

/// Who sends and receives through an ``Underlay``.
protocol UnderlayClient: AnyObject {
    /// One read: a packet, or several of `segmentSize` bytes of which the last may be shorter. `local` is one of the
    /// underlay's addresses.
    func received(
        _ bytes: RawSpan,
        segmentSize: Int,
        from remote: Endpoint,
        to local: Endpoint,
        ecn: ECNCodepoint
    )

    /// Everything was passed on that could be read now.
    func receivedAll()

    /// A read failed. The underlay goes on.
    func underlayFailed(_ error: any Error)

    /// There was no room for packets, which are lost.
    func underlayDropped(_ count: Int)

    /// What had closed is open again, perhaps at another address.
    func underlayReopened()
}

/// What became of packets that were handed to an underlay.
enum SendOutcome: Equatable {
    /// They are on their way, or a part of them was lost as any packet may be.
    case sent
    /// The buffer is full: the same packets can be handed over again soon.
    case blocked
    /// They do not fit through the interface, and none of them left.
    case tooLarge
    /// The kernel refused them, with this `errno`.
    case failed(CInt)
    /// `Transmit.source` is none of the underlay's addresses.
    case unbound
}
