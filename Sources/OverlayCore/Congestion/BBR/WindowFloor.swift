/// How many packets may be in flight at least: MinPipeCwnd of the draft (§5.6.4.2), and fewer where so many flows share
/// a wire that this many of each overflow its queue.
///
/// It falls by one packet in each round that loses something. After rounds without loss it rises by one, sooner at
/// first, and after twice as many each time that this turns out to be too much.
struct WindowFloor {
    /// Rounds without a loss after which one more packet is tried, at first and at most.
    static let firstPatience = 16
    static let longestPatience = 256

    private(set) var packets = BBR.Constants.minimumPackets
    private var hasLost = false
    private var calmRounds = 0
    private var patience = Self.firstPatience

    /// Whether the wire does not carry what flows usually have in flight at least: nothing but the floor is in flight.
    var isLowered: Bool { packets < BBR.Constants.minimumPackets }

    /// Something was lost with no more in flight than the floor.
    mutating func lose() { hasLost = true }

    /// A round trip is over.
    mutating func endRound() {
        if hasLost {
            if isLowered { patience = min(patience * 2, Self.longestPatience) }
            packets = max(1, packets - 1)
            hasLost = false
            calmRounds = 0
            return
        }
        guard isLowered else { return }
        calmRounds += 1
        guard calmRounds >= patience else { return }
        packets += 1
        calmRounds = 0
        if !isLowered { patience = Self.firstPatience }
    }
}
