/// The zero bits of work that a stranger's mail costs (RULES M). They depend on how full the pool of strangers' mail
/// is and on what the sender's network has used of its rate, never on the target, which they would betray.
package struct StrangerPrice: Hashable, Sendable {
    /// With an empty pool, for a network that has sent nothing.
    package var least: Int
    /// At most.
    package var most: Int

    package init(least: Int, most: Int) {
        self.least = least
        self.most = most
    }

    /// The price while `byteCount` of the pool's `capacity` and `used` of the network's `allowance` are taken. The
    /// second half of the pool and the whole allowance each raise it by up to half of the range.
    func bits(byteCount: Int, capacity: Int, used: Int, allowance: Int) -> Int {
        let range = max(most - least, 0)
        let beyondHalf = max(byteCount - capacity / 2, 0)
        let byFill = beyondHalf * range / max(capacity, 1)
        let byUse = used * range / max(2 * allowance, 1)
        return min(least + byFill + byUse, most)
    }
}
