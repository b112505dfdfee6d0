import PosternModel

/// Links as they are found, one direction each: a round trip takes twice the latency.
extension LinkProfile {
    /// 5 ms, no limit, no fault: what a world becomes when it heals.
    package static let calm = LinkProfile(latency: .milliseconds(5))

    /// 0.1 ms, 1 Gbit/s, 1 MB of queue.
    package static let localNetwork = LinkProfile(
        latency: .microseconds(100),
        megabitsPerSecond: 1000,
        queueByteCount: 1_000_000
    )

    /// 20 ms, 100 Mbit/s, 500 kB of queue: the wide-area profile of the project's measurements.
    package static let wideArea = LinkProfile(
        latency: .milliseconds(20),
        megabitsPerSecond: 100,
        queueByteCount: 500_000
    )

    /// 10 ms, 1 ms jitter, 50 Mbit/s, 250 kB of queue, 0.01 % loss.
    package static let broadband = LinkProfile(
        latency: .milliseconds(10),
        megabitsPerSecond: 50,
        queueByteCount: 250_000
    )
    .with(\.jitter, .milliseconds(1))
    .with(\.loss, 0.0001)

    /// 5 ms, 5 ms jitter, 30 Mbit/s, 200 kB of queue, 0.5 % loss, 0.5 % reordering by up to 5 ms.
    package static let wifi = LinkProfile(latency: .milliseconds(5), megabitsPerSecond: 30, queueByteCount: 200_000)
        .with(\.jitter, .milliseconds(5))
        .with(\.loss, 0.005)
        .with(\.reordering, 0.005)
        .with(\.reorderDelay, .milliseconds(5))

    /// 10 ms, 20 ms jitter, 10 Mbit/s, bursts of 5 datagrams at 40 % loss (about 4 % over all), 1 % duplication.
    package static let wifiLossy = LinkProfile(
        latency: .milliseconds(10),
        megabitsPerSecond: 10,
        queueByteCount: 100_000
    )
    .with(\.jitter, .milliseconds(20))
    .with(\.burst, Burst(begins: 0.02, ends: 0.2, loss: 0.4))
    .with(\.duplication, 0.01)
    .with(\.reorderDelay, .milliseconds(10))

    /// 35 ms, 15 ms jitter, 8 Mbit/s, 400 kB of queue (400 ms), 0.2 % loss, payloads to 1400 bytes.
    package static let cellular = LinkProfile(
        latency: .milliseconds(35),
        megabitsPerSecond: 8,
        queueByteCount: 400_000
    )
    .with(\.jitter, .milliseconds(15))
    .with(\.loss, 0.002)
    .with(\.mtu, 1400)

    /// 300 ms, 10 ms jitter, 20 Mbit/s, 1 MB of queue, 0.5 % loss.
    package static let satellite = LinkProfile(
        latency: .milliseconds(300),
        megabitsPerSecond: 20,
        queueByteCount: 1_000_000
    )
    .with(\.jitter, .milliseconds(10))
    .with(\.loss, 0.005)

    /// 400 ms, 200 ms jitter, 256 kbit/s, 30 kB of queue, 15 % loss, 2 % reordering and duplication, 1 % corruption,
    /// payloads to IPv6's minimum.
    package static let absurd = LinkProfile(
        latency: .milliseconds(400),
        megabitsPerSecond: 0.256,
        queueByteCount: 30_000
    )
    .with(\.jitter, .milliseconds(200))
    .with(\.loss, 0.15)
    .with(\.reordering, 0.02)
    .with(\.duplication, 0.02)
    .with(\.reorderDelay, .milliseconds(100))
    .with(\.corruption, 0.01)
    .with(\.mtu, 1232)

    /// Every preset by name, mild ones first.
    package static let presets: [(name: String, profile: LinkProfile)] = [
        ("calm", .calm), ("local-network", .localNetwork), ("broadband", .broadband), ("wide-area", .wideArea),
        ("wifi", .wifi), ("cellular", .cellular), ("satellite", .satellite), ("wifi-lossy", .wifiLossy),
        ("absurd", .absurd),
    ]
}
